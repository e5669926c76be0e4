"""Batches of a file as the file gives them, cut and joined to chunks of one size, made ahead."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pyarrow as pa

from npa_market.tapes.batches import Batch

T = TypeVar("T")


def chunks_of(batches: Iterable[Batch], rows: int) -> Iterator[Batch]:
    """The same rows in the same order, `rows` at a time; ragged records come with or before them.

    The size decides how long one transaction is and how much the columnwise rules do at once.
    """
    waiting: list[Batch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(each.rows for each in waiting) >= rows:
            whole = _joined(waiting)
            yield _cut(whole, 0, rows)
            rest = _cut(whole, rows, whole.rows)
            waiting = [rest] if rest.rows else []
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    return Batch(
        np.concatenate([batch.row_numbers for batch in batches]),
        tuple(
            pa.concat_arrays(parts)
            for parts in zip(*(batch.cells for batch in batches), strict=True)
        ),
        {
            name: pa.concat_arrays([batch.columns[name] for batch in batches])
            for name in batches[0].columns
        },
        [record for batch in batches for record in batch.ragged],
    )


def _cut(batch: Batch, start: int, stop: int) -> Batch:
    return Batch(
        batch.row_numbers[start:stop],
        tuple(column[start:stop] for column in batch.cells),
        {name: column[start:stop] for name, column in batch.columns.items()},
        batch.ragged if start == 0 else [],
    )


def one_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, the next one made in a thread while the caller works on this one.

    Reading and rules need no database; so they run while the database takes the rows in.
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        pending = thread.submit(next, items, end)
        while (item := pending.result()) is not end:
            pending = thread.submit(next, items, end)
            yield item  # type: ignore[misc]

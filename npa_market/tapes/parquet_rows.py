"""Parquet as batches of texts: what a CSV of the same table would have in its cells."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings

from npa_market.tapes.batches import MAX_CELL_CHARS, Batch, Record, check_cells
from npa_market.tapes.refusals import refuse
from npa_market.tapes.unpacking import PARQUET, Content, too_large
from npa_market.tapes.workbook_reader import cell_text

_ROWS = 10_000
# Kinds that Arrow writes as a CSV has them; others go value by value.
_PLAIN = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_date32,
)
_DICTIONARIES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_dictionary,
)
_MOST_BATCH_BYTES = 256 << 20


def is_parquet(sample: bytes) -> bool:
    """Does the file begin as Parquet?"""
    return sample.startswith(PARQUET)


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in _DICTIONARIES)


def _damaged(error: Exception) -> Exception:
    refusal = refuse("file_damaged", "The Parquet file is damaged or encrypted. Write it again.")
    refusal.__cause__ = error
    return refusal


def column_paths(content: Content) -> list[str]:
    """Names of all columns, those inside of nested ones too. Raises InvalidInput as `opened`."""
    import pyarrow.parquet as pq

    with content.on_disk(settings.MAX_TAPE_BYTES) as path:
        try:
            with pq.ParquetFile(path) as file:
                paths = [file.schema.column(at).path for at in range(len(file.schema))]
                return list(dict.fromkeys([*file.schema_arrow.names, *paths]))
        except (pa.ArrowException, OSError) as error:
            raise _damaged(error) from error


@dataclass
class ParquetRows:
    """The rows of a Parquet file: its column names are row 1."""

    path: str
    names: tuple[str, ...]
    texts: tuple[str, ...]  # Only these can be dictionaries: nested ones have paths, not names.

    @classmethod
    @contextmanager
    def opened(cls, content: Content) -> "Iterator[ParquetRows]":
        """Open by its schema. Raises InvalidInput: file_damaged, file_too_large."""
        import pyarrow.parquet as pq

        with content.on_disk(settings.MAX_TAPE_BYTES) as path:
            try:
                with pq.ParquetFile(path) as file:
                    groups = [file.metadata.row_group(at) for at in range(file.num_row_groups)]
                    schema = file.schema_arrow
            except (pa.ArrowException, OSError) as error:
                raise _damaged(error) from error
            if sum(group.total_byte_size for group in groups) > settings.MAX_TAPE_BYTES:
                raise too_large()
            texts = tuple(field.name for field in schema if _is_text(field.type))
            yield cls(path, tuple(schema.names), texts)

    def records(self, after: int = 0) -> Generator[Record, None, None]:
        """(row number, cells) of the rows after row `after`."""
        if after < 1:
            yield 1, list(self.names)
        for batch in self.batches(1, len(self.names)):
            for number, cells in batch.records():
                if number > after:
                    yield number, cells

    def batches(self, header_row: int, width: int) -> Generator[Batch, None, None]:
        """All rows. Texts are read as dictionaries: a value repeated a million times is a bomb."""
        import pyarrow.parquet as pq

        row = 1
        with pq.ParquetFile(self.path, read_dictionary=list(self.texts)) as file:
            try:
                for read in file.iter_batches(batch_size=_ROWS):
                    cells = tuple(_texts(column) for column in read.columns)
                    numbers = np.arange(row + 1, row + 1 + read.num_rows, dtype=np.int64)
                    row += read.num_rows
                    batch = Batch(numbers, cells, {}, [])
                    check_cells(batch)
                    yield batch
            except (pa.ArrowException, OSError) as error:
                raise _damaged(error) from error


def _texts(column: pa.Array) -> pa.StringArray:
    if pa.types.is_dictionary(column.type):
        _check_growth(column)
        column = column.dictionary_decode()
    if any(is_plain(column.type) for is_plain in _PLAIN):
        texts = column.cast(pa.string())
    else:
        texts = pa.array([_text(value) for value in column.to_pylist()], pa.string())
    return pc.fill_null(texts, "")


def _check_growth(column: pa.DictionaryArray) -> None:
    """Refuse before a short dictionary is written out as gigabytes."""
    if not (
        pa.types.is_string(column.type.value_type) or pa.types.is_binary(column.type.value_type)
    ):
        return
    lengths = pc.binary_length(column.dictionary)
    longest = pc.max(lengths).as_py() or 0
    total = pc.sum(lengths.take(column.indices)).as_py() or 0
    if longest > 4 * MAX_CELL_CHARS or total > _MOST_BATCH_BYTES:
        raise too_large()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return cell_text(value)

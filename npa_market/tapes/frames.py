"""A chunk of a tape read through a mapping: typed columns of the field dictionary."""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.batches import string_array
from npa_market.tapes.columns import (
    Column,
    Flags,
    days,
    empty_column,
    integers,
    objects,
    texts,
)
from npa_market.tapes.dictionary import FIELDS, Kind
from npa_market.tapes.mapping import Mapping, Setting
from npa_market.tapes.transforms import TRANSFORMS, Cells

Texts: TypeAlias = Sequence[str] | pa.Array


@dataclass(frozen=True)
class Frame:
    """A chunk read through a mapping: one column per field of the dictionary, (rows,) each."""

    columns: MappingOf[str, Column]
    is_kept: Flags
    rows: int

    def __getitem__(self, field: str) -> Column:
        return self.columns[field]


_EMPTY = {
    Kind.TEXT: texts,
    Kind.CODE: texts,
    Kind.FLAG: texts,
    Kind.PLACE: texts,
    Kind.DATE: days,
    Kind.RECEIPTS: objects,
}


def trimmed(cells: Texts) -> pa.Array:
    """Texts without blanks around them."""
    array = cells if isinstance(cells, pa.Array) else string_array(cells)
    return pc.utf8_trim_whitespace(array)


def read_chunk(mapping: Mapping, cells: MappingOf[str, Texts], setting: Setting) -> Frame:
    """Read a chunk of raw cells by source column into typed columns."""
    rows = len(next(iter(cells.values()), ()))
    found = {name: trimmed(raw) for name, raw in cells.items()}
    words = pa.array(sorted(mapping.missing_words), type=pa.string())
    chunk = Cells(
        {name: array.to_numpy(zero_copy_only=False) for name, array in found.items()},
        {name: flags(pc.is_in(array, value_set=words)) for name, array in found.items()},
        rows,
    )
    columns: dict[str, Column] = {
        name: empty_column(rows, _EMPTY.get(field.kind, integers))
        for name, field in FIELDS.items()
        if name not in {source.field.name for source in mapping.sources}
    }
    for source in mapping.sources:
        transform = TRANSFORMS[source.transform]
        columns[source.field.name] = transform(chunk, source.field, source.options, setting)
    is_kept = np.ones(rows, dtype=np.bool_)
    if mapping.keep_rows:
        wanted = pa.array(sorted(mapping.keep_rows.values), type=pa.string())
        column = found.get(mapping.keep_rows.column, pa.array([""] * rows, type=pa.string()))
        is_kept = flags(pc.is_in(_casefolded(column), value_set=wanted))
    return Frame(columns, is_kept, rows)


def _casefolded(column: pa.Array) -> pa.Array:
    distinct = column.dictionary_encode()
    folded = [text.casefold() for text in distinct.dictionary.to_pylist()]
    return pa.array(folded, type=pa.string()).take(distinct.indices)


def flags(array: pa.Array) -> Flags:
    """A boolean array of Arrow as numpy flags."""
    found: Flags = array.to_numpy(zero_copy_only=False).astype(np.bool_, copy=False)
    return found

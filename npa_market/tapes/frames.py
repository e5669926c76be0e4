"""A chunk of a tape read through a mapping: typed columns of the field dictionary."""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def read_chunk(mapping: Mapping, cells: MappingOf[str, Sequence[str]], setting: Setting) -> Frame:
    """Read a chunk of raw cells by source column into typed columns."""
    rows = len(next(iter(cells.values()), ()))
    trimmed = {}
    for name, raw in cells.items():
        trimmed[name] = np.empty(rows, dtype=object)
        trimmed[name][:] = [text.strip() for text in raw]
    chunk = Cells(trimmed, mapping.missing_words, rows)
    columns: dict[str, Column] = {
        name: empty_column(rows, _EMPTY.get(field.kind, integers)) for name, field in FIELDS.items()
    }
    for source in mapping.sources:
        transform = TRANSFORMS[source.transform]
        columns[source.field.name] = transform(chunk, source.field, source.options, setting)
    is_kept = np.ones(rows, dtype=np.bool_)
    if mapping.keep_rows:
        found, _ = chunk.of(mapping.keep_rows.column)
        wanted = mapping.keep_rows.values
        is_kept = np.fromiter((text.casefold() in wanted for text in found), bool, rows)
    return Frame(columns, is_kept, rows)

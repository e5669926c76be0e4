"""Proposals: which column of a file is which field of a history, from its name and its values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from npa_market.tapes.dictionary import Field, Kind
from npa_market.tapes.history_layouts import LAYOUTS
from npa_market.tapes.history_mapping import history_mapping, spellings
from npa_market.tapes.mapping import Setting, folded_header
from npa_market.tapes.proposals import MISSING_WORDS, best_entry, samples
from npa_market.tapes.vocabulary import nearness
from npa_market.tapes.workbench import Sample

_ROWS = 200
_WORTH = 0.45
_ALL_AMOUNTS = 0.9


@dataclass(frozen=True)
class FileColumn:
    """A column of the file: its header, and some values with identities masked."""

    header: str
    cells: Sequence[str]

    @property
    def label(self) -> str:
        """As a choice shows it."""
        some = ", ".join(samples(self.header, "", self.filled)[:3])
        return f"{self.header} · {some}" if some else self.header

    @property
    def filled(self) -> list[str]:
        """Cells that hold something."""
        return [cell for cell in self.cells if cell not in MISSING_WORDS]


def file_columns(sample: Sample) -> list[FileColumn]:
    """Columns that can be named: those with a header of their own."""
    folded = [folded_header(header) for header in sample.header]
    return [
        FileColumn(
            header, [row[at].strip() if at < len(row) else "" for row in sample.rows[:_ROWS]]
        )
        for at, header in enumerate(sample.header)
        if folded[at] and folded.count(folded[at]) == 1
    ]


def proposed_columns(
    kind: str, columns: Sequence[FileColumn], loans: Collection[str], setting: Setting
) -> Mapping[str, str]:
    """Field -> header, "" where none is proposed; a known name first, then what is likeliest.

    loans: loan numbers of the tape among the values.
    """
    found = history_mapping(kind).column_positions([column.header for column in columns])
    chosen = {
        column.field.name: columns[found[column.field.title_zh]].header
        for column in LAYOUTS[kind]
        if column.field.title_zh in found
    }
    rest = [
        (score, column.header, each.field.name)
        for column in columns
        for each in LAYOUTS[kind]
        if (score := _score(kind, each.field, column, loans, setting)) >= _WORTH
    ]
    for _, header, name in sorted(rest, reverse=True):
        if name not in chosen and header not in chosen.values():
            chosen[name] = header
    _add_the_only_amount(kind, columns, chosen, setting)
    return {each.field.name: chosen.get(each.field.name, "") for each in LAYOUTS[kind]}


def _add_the_only_amount(
    kind: str, columns: Sequence[FileColumn], chosen: dict[str, str], setting: Setting
) -> None:
    """The one column left that holds amounts, where the kind needs an amount."""
    needed = [
        each.field
        for each in LAYOUTS[kind]
        if each.field.kind == Kind.MONEY and each.field.is_required
    ]
    for field in needed:
        amounts = [
            column.header
            for column in columns
            if column.header not in chosen.values()
            and best_entry(field, column.header, column.filled, setting)[1] >= _ALL_AMOUNTS
        ]
        if field.name not in chosen and len(amounts) == 1:
            chosen[field.name] = amounts[0]


def _score(
    kind: str, field: Field, column: FileColumn, loans: Collection[str], setting: Setting
) -> float:
    """How likely the column is the field, 0..1: half by its name, half by its values."""
    (known,) = (each for each in LAYOUTS[kind] if each.field == field)
    folded = folded_header(column.header)
    by_name = max(nearness(folded, folded_header(name)) for name in spellings(kind, known))
    filled = column.filled
    if not filled:
        return 0.5 * by_name
    if field.name == "loan_number":
        by_value = sum(cell in loans for cell in filled) / len(filled)
        return max(by_value, 0.5 * by_name)
    if field.kind in {Kind.CODE, Kind.FLAG}:
        words = {*known.table, *field.codes}
        by_value = sum(cell in words for cell in filled) / len(filled)
    elif field.kind in {Kind.DATE, Kind.MONEY}:
        by_value = best_entry(field, column.header, filled, setting)[1]
    else:
        by_value = 0.0
    is_telling = field.kind in {Kind.CODE, Kind.DATE} and field.is_required
    return 0.5 * by_name + (0.5 if is_telling else 0.3) * by_value

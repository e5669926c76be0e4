"""What an import found: per rule and column a count and examples, completeness, control totals."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from npa_market.tapes.columns import Flags, no_flags
from npa_market.tapes.dictionary import FIELDS, MONEY_FIELDS
from npa_market.tapes.found_rows import ChunkCells, Found, Hits
from npa_market.tapes.mapping import Mapping
from npa_market.tapes.validation import RULES, Checked, Rule, Severity

EXAMPLES = 5
_SAFE_MINOR = 1 << 40  # Some million of these fit 64 bits.
_OF_ABSENCE = {"value_missing", "borrower_missing"}
Example = dict[str, Any]


@dataclass
class Finding:
    """One rule on one column. `value` of an example is masked where the column is personal."""

    id: str
    severity: str
    words: str
    column: str = ""
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON for the tape."""
        return dict(vars(self))


@dataclass
class Completeness:
    """Of one field over the rows that the mapping takes: filled + missing + invalid = rows."""

    filled: int = 0
    missing: int = 0
    invalid: int = 0


@dataclass
class ControlTotal:
    """Sum of a money field, minor units: read = imported + rejected, over readable cells."""

    read: int = 0
    imported: int = 0
    rejected: int = 0


@dataclass
class Tally:
    """Running result of an import."""

    mapping: Mapping
    column_names: dict[str, str]  # field -> header text of its first source column
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    _found: list[Found] = field(default_factory=list)
    completeness: dict[str, Completeness] = field(
        default_factory=lambda: {name: Completeness() for name in FIELDS}
    )
    totals: dict[str, ControlTotal] = field(
        default_factory=lambda: {name: ControlTotal() for name in (*MONEY_FIELDS, "claim_minor")}
    )

    def find(self, finding: Finding, hits: Hits) -> None:
        """Add hits of one rule on one column."""
        known = self.findings.setdefault((finding.id, finding.words), finding)
        known.count += len(hits.rows)
        known.examples.extend(hits.examples(finding.column, EXAMPLES - len(known.examples)))
        self._found.append(Found(finding.id, finding.severity, finding.column, finding.words, hits))

    def note(self, finding: Finding, examples: Sequence[Example], count: int) -> None:
        """Add what is true of the file, not of rows."""
        known = self.findings.setdefault((finding.id, finding.words), finding)
        known.count += count
        known.examples.extend(examples[: EXAMPLES - len(known.examples)])

    def take_found(self) -> list[Found]:
        """The hits since the last call, with their rows."""
        found, self._found = self._found, []
        return found

    def hit(self, rule: Rule, places: Any, cells: ChunkCells) -> None:
        """Add a chunk's hits of a rule."""
        column = self.column_names.get(rule.field, "")
        finding = Finding(rule.id, str(rule.severity), rule.words, column)
        hits = cells.hits(places, rule.field)
        if not rule.is_quoted:
            nothing = pa.repeat("", len(hits.rows))
            numbers = nothing if rule.field == "loan_number" else hits.loan_numbers
            hits = replace(hits, values=nothing, loan_numbers=numbers)
        self.find(finding, hits)

    def add_chunk(self, chunk: Checked, invalid: dict[str, Flags], is_valid: Flags) -> None:
        """Add completeness of the rows taken and control totals of all rows of a chunk."""
        kept = chunk.frame.is_kept
        for name, counts in self.completeness.items():
            column = chunk[name]
            is_invalid = (column.is_bad | invalid.get(name, no_flags(len(column)))) & kept
            is_missing = column.is_missing & kept & ~is_invalid
            counts.invalid += int(is_invalid.sum())
            counts.missing += int(is_missing.sum())
            counts.filled += int((kept & ~is_invalid & ~is_missing).sum())
        for name, total in self.totals.items():
            values = chunk.claim if name == "claim_minor" else chunk[name].values
            self._add_total(total, values.fillna(0).to_numpy(dtype=np.int64), is_valid)

    @staticmethod
    def _add_total(total: ControlTotal, values: Any, is_valid: Flags) -> None:
        imported, rejected = _exact_sum(values[is_valid]), _exact_sum(values[~is_valid])
        total.read += imported + rejected
        total.imported += imported
        total.rejected += rejected

    def completeness_json(self) -> list[dict[str, Any]]:
        """The matrix in the dictionary's order, with how derived fields were made."""
        derived = {source.field.name: source.derived for source in self.mapping.sources}
        return [
            {
                "field": name,
                "title": FIELDS[name].title,
                "title_zh": FIELDS[name].title_zh,
                "column": self.column_names.get(name, ""),
                **vars(counts),
                "derived": derived.get(name, ""),
                "if_missing": FIELDS[name].if_missing if counts.missing else "",
            }
            for name, counts in self.completeness.items()
        ]

    def totals_json(self) -> dict[str, dict[str, int]]:
        """Control totals by field."""
        return {name: dict(vars(total)) for name, total in self.totals.items()}

    def findings_json(self) -> list[dict[str, Any]]:
        """Findings, rejects first, most frequent first."""
        order = sorted(
            self.findings.values(),
            key=lambda finding: (finding.severity != Severity.REJECT, -finding.count, finding.id),
        )
        return [finding.as_json() for finding in order]


def _exact_sum(values: Any) -> int:
    """Sum of minor units; a chunk of absurd amounts overflows 64 bits, so it is added slowly."""
    if len(values) and max(int(values.max()), -int(values.min())) > _SAFE_MINOR:
        return sum(values.tolist())
    return int(values.sum())


@dataclass(frozen=True)
class Verdict:
    """What the rules say of a chunk: reasons by row, and by field the rows with a wrong cell."""

    reasons: dict[int, list[str]]
    invalid: dict[str, Flags]

    def add(self, row: int, rule: str, words: str) -> None:
        """One more reason to reject a row."""
        self.reasons.setdefault(row, []).append(f"{rule}: {words}")


def apply_rules(chunk: Checked, tally: Tally, cells: ChunkCells) -> Verdict:
    """Test every rule on the rows that the mapping takes."""
    verdict = Verdict({}, {})
    for rule in RULES:
        hits = rule.test(chunk) & chunk.frame.is_kept
        if not hits.any():
            continue
        places = np.flatnonzero(hits)
        tally.hit(rule, places, cells)
        if rule.severity is Severity.REJECT:
            for index in places.tolist():
                verdict.add(index, rule.id, rule.words)
            if rule.id not in _OF_ABSENCE:
                known = verdict.invalid.get(rule.field, no_flags(chunk.frame.rows))
                verdict.invalid[rule.field] = known | hits
    return verdict


def note_layout(tally: Tally, header: Sequence[str]) -> None:
    """Disclose derived fields and columns that the mapping leaves aside."""
    for source in tally.mapping.sources:
        if source.derived:
            filled = tally.completeness[source.field.name].filled
            finding = Finding("field_derived", Severity.NOTE, source.derived, source.field.title)
            tally.note(finding, [], filled)
    # Of two spellings of one source, which may differ in every row, one is read.
    read = set(tally.mapping.column_positions(list(header)).values())
    unused = [
        name.strip()[:80] for place, name in enumerate(header) if name.strip() and place not in read
    ]
    if unused:
        words = "Columns of the file that the mapping does not take in."
        examples = [{"row": 0, "column": name, "value": ""} for name in unused]
        tally.note(Finding("columns_unused", Severity.NOTE, words), examples, len(unused))

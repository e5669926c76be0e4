"""Notes on one customer or ID number that stands in a tape with several names."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.columns import Flags
from npa_market.tapes.identity import is_rounded
from npa_market.tapes.validation import Checked

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NameRule:
    """A note on rows whose number stood on an earlier row with another name."""

    id: str
    field: str
    words: str


NAME_RULES = (
    NameRule(
        "customer_number_names",
        "borrower_key",
        "The customer number stands on an earlier row with another name: one name is wrong, or "
        "two people share the number.",
    ),
    NameRule(
        "id_number_names",
        "id_number",
        "The ID number stands on an earlier row with another name: one name is wrong, or it is "
        "another person's number. Its loans count as one borrower, under the first name.",
    ),
)
ROUNDED = NameRule(
    "id_number_rounded_names",
    "id_number",
    "The ID number ends in 000 and stands on an earlier row with another name: perhaps a "
    "spreadsheet kept 15 of its 18 digits, and several people count as one borrower, under the "
    "first name. Export the column as text and import the tape again.",
)


@dataclass
class FirstNames:
    """The first name of each number of a tape, as hashes: 16 bytes a number, compared columnwise.

    numbers: ascending. names: beside them. Two of a million numbers are taken for one in one of
    some ten million tapes; it is a note that is at stake.
    """

    numbers: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))
    names: Hashes = field(default_factory=lambda: np.empty(0, np.uint64))

    def is_other(self, numbers: Hashes, names: Hashes) -> Flags:
        """Rows whose name is not the first of their number, (rows,); the new ones are kept."""
        distinct, first, back = np.unique(numbers, return_index=True, return_inverse=True)
        places = np.searchsorted(self.numbers, distinct)
        is_new = np.ones(len(distinct), dtype=np.bool_)
        inside = places < len(self.numbers)
        is_new[inside] = self.numbers[places[inside]] != distinct[inside]
        expected = names[first]
        expected[~is_new] = self.names[places[~is_new]]
        self.numbers = np.insert(self.numbers, places[is_new], distinct[is_new])
        self.names = np.insert(self.names, places[is_new], expected[is_new])
        return np.asarray(names != expected[back])


def folded_names(names: "pd.Series[Any]") -> pa.Array:
    """Letters and digits of names: blanks, marks, width and case make no other name."""
    texts = pc.utf8_normalize(pa.array(names, type=pa.string()), "NFKC")
    return pc.replace_substring_regex(pc.utf8_lower(texts), r"[^\pL\pM\pN]+", "")


@dataclass
class SeveralNames:
    """The rules on a tape, chunk after chunk."""

    firsts: dict[str, FirstNames] = field(default_factory=lambda: defaultdict(FirstNames))

    def hits(self, chunk: Checked, rows: Rows) -> Iterator[tuple[NameRule, Rows]]:
        """Each rule with those of the rows of a chunk that it meets, after the chunks before."""
        rows = rows[chunk["name"].is_filled[rows]]
        folded = folded_names(chunk["name"].values.iloc[rows])
        is_said = pc.not_equal(folded, "").to_numpy(zero_copy_only=False)
        rows, names = rows[is_said], _hashes(folded.to_numpy(zero_copy_only=False)[is_said])
        for rule in NAME_RULES:
            has_number = chunk[rule.field].is_filled[rows]
            at = rows[has_number]
            numbers = _hashes(chunk[rule.field].values.to_numpy()[at])
            found = at[self.firsts[rule.id].is_other(numbers, names[has_number])]
            yield from _by_rule(rule, found, chunk)


def _by_rule(rule: NameRule, found: Rows, chunk: Checked) -> Iterator[tuple[NameRule, Rows]]:
    """The rows under the rule, those whose ID number may be a rounded one under its own."""
    if rule.field == ROUNDED.field:
        numbers = chunk[rule.field].values.iloc[found]
        is_round = np.array([is_rounded(number) for number in numbers], dtype=np.bool_)
        if is_round.any():
            yield ROUNDED, found[is_round]
        found = found[~is_round]
    if len(found):
        yield rule, found


def _hashes(texts: npt.NDArray[np.object_]) -> Hashes:
    return pd.util.hash_array(texts, categorize=False)

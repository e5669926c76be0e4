"""What a Chinese ID number says: is it well formed, when was its owner born, which sex. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
from stdnum import numdb
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

from npa_market.tapes.vault import normalised

_SHAPE = re.compile(r"\d{17}[0-9X]", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d+", re.ASCII)
_ROUNDED = re.compile(r"\d{15}000", re.ASCII)
EARLIEST_BIRTH = date(1900, 1, 1)


@dataclass(frozen=True)
class IdFacts:
    """`fault` is "" or the id of the rule that the number breaks; then the rest is empty.

    `is_region_known`: the county existed in the year of birth. A number issued later than that
    fails it rightly, so it is no fault.
    """

    fault: str
    birth: date | None = None
    sex: str = ""
    is_region_known: bool = False


def id_facts(number: str) -> IdFacts:
    """Facts of one number, 18 characters, check digit by GB 11643 (ISO 7064 MOD 11-2)."""
    compact = normalised(number)
    if _SCIENTIFIC.fullmatch(compact):
        return IdFacts("id_number_exponent")
    if not _SHAPE.fullmatch(compact):
        return IdFacts("id_number_shape")
    if ric.calc_check_digit(compact) != compact[-1]:
        return IdFacts("id_number_rounded" if is_rounded(compact) else "id_number_check_digit")
    try:
        birth = ric.get_birth_date(compact)
    except InvalidComponent:
        return IdFacts("id_number_birth")
    if birth < EARLIEST_BIRTH:
        return IdFacts("id_number_birth")
    return IdFacts(
        "", birth, "m" if int(compact[16]) % 2 else "f", _is_region_known(compact[:6], birth.year)
    )


def is_rounded(number: str) -> bool:
    """May the number be what a spreadsheet keeps of one, 15 digits and 000? One in some thousands
    ends so of itself."""
    return bool(_ROUNDED.fullmatch(normalised(number)))


@cache
def _is_region_known(county_code: str, year: int) -> bool:
    return any(first <= year <= last for first, last in _years_of(county_code))


@cache
def _years_of(county_code: str) -> tuple[tuple[int, int], ...]:
    """First and last years in which a county had this code; () for a code that never was one."""
    parts = numdb.get("cn/loc").info(county_code)
    names = next((known["county"] for _, known in parts if "county" in known), "")
    years = []
    for name in filter(None, names.split(",")):
        first, _, last = (
            name[1:].partition("]")[0].partition("-") if name[0] == "[" else ("", "", "")
        )
        years.append((int(first or 0), int(last or 9999)))
    return tuple(years)


# GB 11643: weights of the 17 digits, and the check character by remainder.
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_CHECK = np.frombuffer(b"10X98765432", dtype=np.uint8)
FAULTS = (
    "",
    "id_number_exponent",
    "id_number_shape",
    "id_number_check_digit",
    "id_number_rounded",
    "id_number_birth",
)


@dataclass(frozen=True)
class IdColumns:
    """Facts of many numbers, arrays (numbers,); where `fault` (index into FAULTS) is not 0, births
    are NaT, sexes empty and regions unknown. A row without a number has fault 0 too."""

    fault: npt.NDArray[np.int8]
    birth: npt.NDArray[np.datetime64]
    sex: npt.NDArray[np.object_]
    is_region_known: npt.NDArray[np.bool_]


def id_columns(numbers: Sequence[str], is_given: npt.NDArray[np.bool_]) -> IdColumns:
    """`id_facts` of a whole column: 18 plain characters at once, other spellings one by one."""
    count = len(is_given)
    facts = IdColumns(
        np.zeros(count, dtype=np.int8),
        np.full(count, "NaT", dtype="datetime64[D]"),
        np.full(count, "", dtype=object),
        np.zeros(count, dtype=np.bool_),
    )
    plain: list[int] = []
    for row in np.flatnonzero(is_given).tolist():
        if len(numbers[row]) == 18 and numbers[row].isascii():
            plain.append(row)
        else:
            _put(facts, row, id_facts(numbers[row]))
    if plain:
        joined = "".join(numbers[row] for row in plain).encode().upper()
        characters = np.frombuffer(joined, dtype=np.uint8).reshape(-1, 18)
        _put_plain(facts, np.array(plain, dtype=np.int64), characters)
    return facts


def _put(facts: IdColumns, row: int, fact: IdFacts) -> None:
    facts.fault[row] = FAULTS.index(fact.fault)
    if fact.birth is not None:
        facts.birth[row] = np.datetime64(fact.birth, "D")
    facts.sex[row], facts.is_region_known[row] = fact.sex, fact.is_region_known


def _put_plain(
    facts: IdColumns, rows: npt.NDArray[np.int64], characters: npt.NDArray[np.uint8]
) -> None:
    """Facts of numbers of 18 ASCII characters; `characters` (numbers, 18), capitals."""
    digits = characters[:, :17].astype(np.int64) - ord("0")
    is_shaped = ((digits >= 0) & (digits <= 9)).all(axis=1)
    last = characters[:, 17]
    is_shaped &= ((last >= ord("0")) & (last <= ord("9"))) | (last == ord("X"))
    for at in np.flatnonzero(~is_shaped).tolist():  # An exponent, blanks within, or nonsense.
        _put(facts, int(rows[at]), id_facts(characters[at].tobytes().decode()))
    rows, digits, last = rows[is_shaped], digits[is_shaped], last[is_shaped]
    is_checked = _CHECK[(digits @ _WEIGHTS) % 11] == last
    ends_in_zeros = (digits[:, 15:] == 0).all(axis=1) & (last == ord("0"))
    facts.fault[rows[~is_checked]] = FAULTS.index("id_number_check_digit")
    facts.fault[rows[~is_checked & ends_in_zeros]] = FAULTS.index("id_number_rounded")
    rows, digits = rows[is_checked], digits[is_checked]
    birth = _births(digits)
    has_birth = ~np.isnat(birth)
    facts.fault[rows[~has_birth]] = FAULTS.index("id_number_birth")
    rows, digits, birth = rows[has_birth], digits[has_birth], birth[has_birth]
    facts.birth[rows] = birth
    facts.sex[rows] = np.where(digits[:, 16] % 2 == 1, "m", "f")
    county = digits[:, :6] @ 10 ** np.arange(5, -1, -1)
    year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    pairs, of_row = np.unique(county * 10_000 + year, return_inverse=True)
    known = (_is_region_known(f"{pair // 10_000:06d}", pair % 10_000) for pair in pairs.tolist())
    facts.is_region_known[rows] = np.fromiter(known, bool, len(pairs))[of_row]


def _births(digits: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    """Birth dates told by the digits, NaT where there is no such day or before 1900."""
    year = digits[:, 6:10] @ np.array([1000, 100, 10, 1])
    month, day = digits[:, 10:12] @ np.array([10, 1]), digits[:, 12:14] @ np.array([10, 1])
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    births = first.astype("datetime64[D]") + (day - 1)
    is_day = (month >= 1) & (month <= 12) & (day >= 1)
    is_day &= births.astype("datetime64[M]") == first
    is_day &= births >= np.datetime64(EARLIEST_BIRTH, "D")
    return np.where(is_day, births, np.datetime64("NaT", "D"))

"""What a Chinese ID number says: is it well formed, when was its owner born, which sex. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

from npa_market.tapes.vault import normalised

_SHAPE = re.compile(r"\d{17}[0-9X]", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d+", re.ASCII)
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
        return IdFacts("id_number_check_digit")
    try:
        birth = ric.get_birth_date(compact)
    except InvalidComponent:
        return IdFacts("id_number_birth")
    if birth < EARLIEST_BIRTH:
        return IdFacts("id_number_birth")
    return IdFacts(
        "", birth, "m" if int(compact[16]) % 2 else "f", _is_region_known(compact[:6], birth.year)
    )


@cache
def _is_region_known(county_code: str, year: int) -> bool:
    try:
        ric.get_birth_place(f"{county_code}{year}0101")
    except InvalidComponent:
        return False
    return True

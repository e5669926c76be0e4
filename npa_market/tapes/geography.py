"""Places: provinces and cities of China, states of the US, and the tier of a city.

One spelling per place in the whole venue: the English name for a province (`Guangdong`), the
postal code for a state (`CA`). The first city of a province is its capital. Data: places.json.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TIERS = {
    "tier_1": "Tier 1",
    "new_tier_1": "New tier 1",
    "provincial_capital": "Other provincial capital",
    "other": "Other city",
    "": "Not given",
}
_ENDINGS = ("特别行政区", "自治区", "自治州", "地区", "省", "市")


@dataclass(frozen=True)
class City:
    en: str
    zh: str


@dataclass(frozen=True)
class Province:
    """`id_prefix`: first two digits of ID numbers issued there."""

    id_prefix: str
    en: str
    zh: str
    full: str
    population_millions: float
    cities: tuple[City, ...]


@dataclass(frozen=True)
class State:
    code: str
    en: str
    population_millions: float
    city: str


@dataclass(frozen=True)
class Places:
    provinces: tuple[Province, ...]
    states: tuple[State, ...]
    tier_1: frozenset[str]
    new_tier_1: frozenset[str]


@cache
def places() -> Places:
    """The table, read once."""
    table = json.loads(Path(__file__).with_name("places.json").read_text(encoding="utf-8"))
    provinces = tuple(
        Province(**{**row, "cities": tuple(City(**city) for city in row["cities"])})
        for row in table["provinces"]
    )
    states = tuple(State(**row) for row in table["states"])
    return Places(provinces, states, frozenset(table["tier_1"]), frozenset(table["new_tier_1"]))


@cache
def _province_names() -> dict[str, str]:
    names: dict[str, str] = {}
    for province in places().provinces:
        for name in (province.en, province.zh, province.full):
            names[name.casefold()] = province.en
    for state in places().states:
        names[state.code.casefold()] = names[state.en.casefold()] = state.code
    return names


@cache
def _city_names() -> dict[str, str]:
    return {
        name.casefold(): city.zh
        for province in places().provinces
        for city in province.cities
        for name in (city.en, city.zh)
    }


def province_of(name: str) -> str:
    """The venue's spelling of a province or state however it is written; "" where unknown."""
    return _province_names().get(name.strip().casefold(), "")


def province_of_id_number(number: str) -> str:
    """Province that issued an ID number; "" where the prefix is unknown."""
    return next((each.en for each in places().provinces if each.id_prefix == number[:2]), "")


def _city(name: str) -> str:
    wanted = name.strip().casefold()
    if wanted in _city_names():
        return _city_names()[wanted]
    for ending in _ENDINGS:
        if wanted.endswith(ending) and (short := wanted.removesuffix(ending)) in _city_names():
            return _city_names()[short]
    return ""


def city_tier(city: str, province: str) -> str:
    """Key of TIERS for a Chinese city; "" for cities elsewhere and where no city is given."""
    home = next((each for each in places().provinces if each.en == province_of(province)), None)
    if home is None or not (city.strip() or len(home.cities) == 1):
        return ""
    known = _city(city) if city.strip() else home.cities[0].zh  # Beijing is its own city.
    if known in places().tier_1:
        return "tier_1"
    if known in places().new_tier_1:
        return "new_tier_1"
    return "provincial_capital" if known == home.cities[0].zh else "other"


def province_names(locale: str) -> list[tuple[str, str]]:
    """(venue's spelling, name in `zh` or `en`) of every province of China."""
    return [(each.en, each.zh if locale == "zh" else each.en) for each in places().provinces]

"""Invented borrowers: names, ID numbers with valid check digits, mobiles, homes."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import numpy.typing as npt
from faker import Faker
from stdnum import numdb

from npa_market.tapes.geography import places

Texts = npt.NDArray[np.object_]
Integers = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]

SHARE_MALE = 0.64
SHARE_LIVING_WHERE_BORN = 0.8
_NAMES = 600
_MOBILE_PREFIXES = ("135", "136", "138", "139", "150", "152", "158", "159", "173", "180", "186")
# GB 11643: weights of the 17 digits and the check character by remainder.
_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK = np.array(list("10X98765432"), dtype=object)
# Hainan was part of Guangdong until 1988, Chongqing of Sichuan until 1997.
_PARENT = {"46": "44", "50": "51"}


@dataclass(frozen=True)
class People:
    """Borrowers, arrays (people,). `id_number` is empty outside China."""

    customer_number: Texts
    name: Texts
    id_number: Texts
    mobile: Texts
    is_male: npt.NDArray[np.bool_]
    birth: Days
    province: Texts
    city: Texts


def _names(locale: str, is_male: npt.NDArray[np.bool_], rng: np.random.Generator) -> Texts:
    fake = Faker(locale)
    fake.seed_instance(int(rng.integers(2**31)))
    family = np.array([fake.last_name() for _ in range(_NAMES)], dtype=object)
    given = {
        True: np.array([fake.first_name_male() for _ in range(_NAMES)], dtype=object),
        False: np.array([fake.first_name_female() for _ in range(_NAMES)], dtype=object),
    }
    last = family[rng.integers(_NAMES, size=len(is_male))]
    picks = rng.integers(_NAMES, size=len(is_male))
    first = np.where(is_male, given[True][picks], given[False][picks])
    return np.asarray(last + first if locale == "zh_CN" else first + " " + last, dtype=object)


@cache
def _counties(id_prefix: str) -> tuple[tuple[str, int, int], ...]:
    """Counties of a province: six-digit code, first and last year of its existence."""
    table, counties = numdb.get("cn/loc"), []

    def names(code: str) -> str:
        parts = table.info(code)
        return str(parts[-1][1].get("county", "")) if len(parts) == 2 else ""

    cities = [f"{id_prefix}{city:02d}" for city in range(1, 70)]
    for code in (f"{city}{at:02d}" for city in cities if names(f"{city}00") for at in range(1, 90)):
        for name in names(code).split(","):
            years, _, bare = name.rpartition("]")
            if bare.endswith(("区", "县")) and bare != "市辖区":
                first, _, last = years.lstrip("[").partition("-")
                counties.append((code, int(first or 0), int(last or 9999)))
    return tuple(counties)


@cache
def _county_codes(id_prefix: str, year: int) -> tuple[str, ...]:
    """Codes of counties that existed in a year; of the parent for provinces split off later."""
    codes = tuple(code for code, first, last in _counties(id_prefix) if first <= year <= last)
    return codes or _county_codes(_PARENT[id_prefix], year)


def with_check_digit(first_17: Texts) -> Texts:
    """ID numbers from their first 17 digits, (people,)."""
    digits = np.array([list(text) for text in first_17], dtype=np.int64).reshape(-1, 17)
    return np.asarray(first_17 + _CHECK[(digits @ _WEIGHTS) % 11], dtype=object)


def _id_numbers(
    home: Integers, birth: Days, is_male: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Texts:
    provinces = [each for each in places().provinces if each.population_millions > 0]
    moved = rng.random(len(home)) > SHARE_LIVING_WHERE_BORN
    origin = np.where(moved, rng.integers(len(provinces), size=len(home)), home)
    codes = np.empty(len(home), dtype=object)
    years = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    groups, of_person = np.unique(origin * 10_000 + years, return_inverse=True)
    for index, group in enumerate(groups.tolist()):
        here = np.flatnonzero(of_person == index)
        known = _county_codes(provinces[group // 10_000].id_prefix, group % 10_000)
        codes[here] = np.array(known, dtype=object)[rng.integers(len(known), size=len(here))]
    order = rng.integers(50, size=len(home)) * 20 + rng.integers(10, size=len(home)) * 2 + is_male
    serial = np.array([f"{number % 1000:03d}" for number in order], dtype=object)
    days = np.char.replace(birth.astype(str), "-", "").astype(object)
    return with_check_digit(codes + days + serial)


def _births(count: int, cut_off_date: date, rng: np.random.Generator) -> Days:
    """Ages 25 to 60 at the cut-off date, most of them around 35."""
    age_days = ((25 + 35 * rng.beta(1.6, 3.2, size=count)) * 365.25).astype(np.int64)
    return np.datetime64(cut_off_date, "D") - age_days


def chinese_people(count: int, cut_off_date: date, rng: np.random.Generator) -> People:
    """Borrowers all over China, by population."""
    provinces = [each for each in places().provinces if each.population_millions > 0]
    weights = np.array([each.population_millions for each in provinces])
    home = rng.choice(len(provinces), size=count, p=weights / weights.sum())
    is_male = rng.random(count) < SHARE_MALE
    birth = _births(count, cut_off_date, rng)
    pick = rng.random(count) ** 1.4  # The capital comes first in the table and weighs more.
    cities = [
        f"{provinces[place].cities[int(at * len(provinces[place].cities))].zh}市"
        for place, at in zip(home, pick, strict=True)
    ]
    prefixes = np.array(_MOBILE_PREFIXES, dtype=object)[
        rng.integers(len(_MOBILE_PREFIXES), size=count)
    ]
    tails = [f"{number:08d}" for number in rng.integers(10**8, size=count)]
    return People(
        customer_number=_customer_numbers(count, rng),
        name=_names("zh_CN", is_male, rng),
        id_number=_id_numbers(home, birth, is_male, rng),
        mobile=prefixes + np.array(tails, dtype=object),
        is_male=is_male,
        birth=birth,
        province=np.array([provinces[place].zh for place in home], dtype=object),
        city=np.array(cities, dtype=object),
    )


def american_people(count: int, cut_off_date: date, rng: np.random.Generator) -> People:
    """Borrowers in the United States, by population; telephone numbers from the fiction range."""
    states = places().states
    weights = np.array([each.population_millions for each in states])
    home = rng.choice(len(states), size=count, p=weights / weights.sum())
    is_male = rng.random(count) < SHARE_MALE
    areas, lines = rng.integers(201, 990, size=count), rng.integers(100, size=count)
    return People(
        customer_number=_customer_numbers(count, rng),
        name=_names("en_US", is_male, rng),
        id_number=np.full(count, "", dtype=object),
        mobile=np.array(
            [f"+1 {area} 555 01{line:02d}" for area, line in zip(areas, lines, strict=True)],
            dtype=object,
        ),
        is_male=is_male,
        birth=_births(count, cut_off_date, rng),
        province=np.array([states[place].code for place in home], dtype=object),
        city=np.array([states[place].city for place in home], dtype=object),
    )


def _customer_numbers(count: int, rng: np.random.Generator) -> Texts:
    start = int(rng.integers(10**6, 9 * 10**6))
    return np.array([f"C{start + 7 * index:09d}" for index in range(count)], dtype=object)

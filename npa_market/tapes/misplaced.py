"""Identities that stand where none is looked for: ID numbers and mobiles in columns of other texts.

Such a column is neither encrypted nor masked, and bidders see words of it as groups, so its row is
refused. Distinct texts are searched by Arrow; what looks like an ID number is then counted through.
"""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.tapes.columns import Column, Flags
from npa_market.tapes.dictionary import FIELDS, Kind
from npa_market.tapes.frames import flags
from npa_market.tapes.identity import id_facts

# Numbers of a seller's own have as many digits as a mobile.
OWN_NUMBERS = frozenset({"loan_number"})
_PROVINCE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])"
_ID_NUMBER = (
    rf"{_PROVINCE}[0-9]{{4}}[ -]?(?:19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[ -]?[0-9]{3}[0-9Xx]"
)
_MOBILE = r"(?:\+?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
_MOBILE_TOKEN = rf"(?:^|[^0-9A-Za-z]){_MOBILE}(?:$|[^0-9A-Za-z])"
# Digits on either side make another number of it; letters may be a prefix of the seller's.
_ID_TOKEN = re.compile(rf"(?<![0-9]){_ID_NUMBER}(?![0-9])")


def misplaced_tests() -> Iterator[tuple[str, str, str, Callable[[Column], Flags]]]:
    """(rule, field, words, test) of each field of free text that is not personal."""
    for name, field in FIELDS.items():
        if field.kind not in {Kind.TEXT, Kind.CODE} or field.codes or field.is_personal:
            continue
        place = f"stands in “{field.title}”: take it out, or map its own column."
        yield "id_number_misplaced", name, f"A person's ID number {place}", has_id_number
        if name not in OWN_NUMBERS:
            yield "mobile_misplaced", name, f"A person's mobile {place}", has_mobile


def has_id_number(column: Column) -> Flags:
    """Cells that hold an ID number of 18 characters with its right check digit and birth date."""
    return _found(column, _holds_id_number)


def has_mobile(column: Column) -> Flags:
    """Cells that hold a mobile of mainland China, apart from other letters and digits."""
    return _found(column, lambda texts: pc.match_substring_regex(texts, _MOBILE_TOKEN))


def _found(column: Column, test: Callable[[pa.StringArray], pa.BooleanArray]) -> Flags:
    encoded = pa.array(column.values, type=pa.string()).dictionary_encode()
    texts = encoded.dictionary
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        texts = pc.utf8_normalize(texts, "NFKC")  # Digits of full width.
    return np.asarray(column.is_filled & flags(test(texts).take(encoded.indices)))


def _holds_id_number(texts: pa.StringArray) -> pa.BooleanArray:
    likely = flags(pc.match_substring_regex(texts, _ID_NUMBER))
    held = np.zeros(len(texts), dtype=np.bool_)
    for at in np.flatnonzero(likely).tolist():
        numbers = _ID_TOKEN.findall(texts[at].as_py())
        held[at] = any(not id_facts(re.sub("[ -]", "", number)).fault for number in numbers)
    return pa.array(held)

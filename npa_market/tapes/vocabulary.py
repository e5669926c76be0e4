"""Words that sellers use: names of columns in English, Chinese, known layouts, and code lists."""

import json
import re
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from npa_market.tapes.mapping import folded_header

_FOLDER = Path(__file__).with_name("vocabularies")
_UNIT = re.compile(r"[(\[（【]\s*([^)\]）】]{1,12})\s*[)\]）】]\s*$")
_NEAR = 0.84
_PERSONAL = re.compile(
    r"姓名|地址|住址|电话|手机|联系人|邮箱|卡号|账号|身份证|证件|单位|雇主|微信|亲属|配偶|户籍|"
    r"\bname\b|address|phone|mobile|e-?mail|contact person|\baccount\b|\bcard\b|employer|\bssn\b|"
    r"passport|birth|\bdob\b|spouse|relative|guarantor"
)


@cache
def _spellings() -> dict[str, tuple[str, str]]:
    """Folded spelling -> (field, vocabulary); the first one listed wins."""
    document = json.loads((_FOLDER / "headers.json").read_text(encoding="utf-8"))
    found: dict[str, tuple[str, str]] = {}
    for field, vocabularies in document.items():
        for vocabulary, spellings in vocabularies.items():
            for spelling in spellings:
                found.setdefault(folded_header(spelling), (field, vocabulary))
    return found


@cache
def code_words(field: str) -> dict[str, str]:
    """Usual words of a code list -> codes of the dictionary; {} where there is no usual list."""
    document = json.loads((_FOLDER / "codes.json").read_text(encoding="utf-8"))
    words: dict[str, str] = document.get(field, {})
    return words


def unit_of(column: str) -> str:
    """What stands in brackets at the end of a column's name: 元, 万元, %, days."""
    found = _UNIT.search(column)
    return found[1].strip().casefold() if found else ""


def named_fields(column: str) -> dict[str, tuple[float, str]]:
    """Fields that the name of a column speaks of: confidence 0..1 and the reason in words."""
    folded = folded_header(column)
    bare = folded_header(_UNIT.sub("", column))
    for spelling, confidence in ((folded, 0.95), (bare, 0.92)):
        if spelling in _spellings():
            field, vocabulary = _spellings()[spelling]
            return {field: (confidence, f"the name stands in the vocabulary {vocabulary}")}
    near: dict[str, tuple[float, str]] = {}
    for spelling, (field, _) in _spellings().items():
        score = nearness(bare, spelling)
        if score > near.get(field, (0.0, ""))[0]:
            near[field] = (score, f"the name is near “{spelling}”")
    return near


def nearness(column: str, spelling: str) -> float:
    """How near a column's name is to a spelling, both folded: 0..0.75."""
    if len(spelling) < 2 or not column:
        return 0.0
    if not spelling.isascii():
        # 贷款剩余本金 speaks of 剩余本金; two characters alone say little.
        return 0.7 if len(spelling) >= 3 and spelling in column else 0.0
    if abs(len(column) - len(spelling)) > 6:
        return 0.0
    likeness = SequenceMatcher(None, column, spelling).ratio()
    return 0.75 * likeness if likeness >= _NEAR else 0.0


def is_personal_name(column: str) -> bool:
    """Does the name of a column speak of a person's identity or contacts?"""
    return _PERSONAL.search(folded_header(column)) is not None

"""The field dictionary: what a clean loan consists of, whatever the seller's columns are called.

Mappings aim at these names; findings, the completeness matrix, the portal's page and docs/tapes.md
speak of them. The entries are data: `dictionary.json`.
"""

import json
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

EARLIEST_DATE = date(1980, 1, 1)  # No date of a tape before it is credible.
_PATH = Path(__file__).with_name("dictionary.json")


class Kind(StrEnum):
    TEXT = "text"
    MONEY = "money"  # integer minor units
    DATE = "date"
    RATE = "rate"  # 1/100 of a percent per year
    INTEGER = "integer"
    CODE = "code"
    FLAG = "flag"
    PLACE = "place"  # province or state, one spelling
    RECEIPTS = "receipts"  # monthly cash after charge-off


@dataclass(frozen=True)
class Field:
    """One field. `is_personal`: findings never name its value, pages show it masked.

    `longest`: characters of a text, or the largest integer. `if_missing`: what an empty cell means.
    `eba`: number in the NPL templates of Implementing Regulation (EU) 2023/2083, as openNPL cites
    them. `data_class`: of personal-data rules (C2: personal or confidential).
    """

    name: str
    title: str
    title_zh: str
    kind: Kind
    is_personal: bool = False
    is_required: bool = False
    longest: int = 0
    codes: tuple[str, ...] = ()
    if_missing: str = ""
    unit: str = ""
    eba: str = ""
    needed_for: str = ""
    data_class: str = ""


def _field(entry: dict[str, Any]) -> Field:
    return Field(**{**entry, "kind": Kind(entry["kind"]), "codes": tuple(entry.get("codes", ()))})


_ALL = tuple(_field(entry) for entry in json.loads(_PATH.read_text(encoding="utf-8")))
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
MONEY_FIELDS = tuple(field.name for field in _ALL if field.kind == Kind.MONEY)
DATE_FIELDS = tuple(field.name for field in _ALL if field.kind == Kind.DATE)


def dictionary_markdown() -> str:
    """The table of docs/tapes.md."""
    head = "| field | title | 中文 | type | unit | EBA | needed for | class | empty cell |"
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    for field in _ALL:
        kind = str(field.kind) + (", masked" if field.is_personal else "")
        empty = "required" if field.is_required else field.if_missing
        cells = (f"`{field.name}`", field.title, field.title_zh, kind, field.unit, field.eba)
        lines.append("| " + " | ".join((*cells, field.needed_for, field.data_class, empty)) + " |")
    return "\n".join(lines)

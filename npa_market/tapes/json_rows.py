"""JSON as rows of texts: a list of objects, one object per line, or a Django fixture (openNPL).

Read object by object, so that a file of any size needs the memory of one object. Numbers stay as
they are written; nested values become JSON text.
"""

import io
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

from npa_market.tapes.batches import Batch, Record, batches_of, check_cells
from npa_market.tapes.refusals import refuse
from npa_market.tapes.unpacking import Content

_READ_CHARS = 1 << 20
_LONGEST_OBJECT = 10 << 20
_MOST_KEYS = 20_000
_BLANKS = " \t\r\n"
_FIXTURE = {"model", "fields"}


def is_json(sample: bytes, encoding: str) -> bool:
    """Does the text begin as a JSON object or a list of them?"""
    start = sample[:4096].decode(encoding, errors="replace").lstrip(_BLANKS + "\ufeff")
    if start.startswith("["):
        start = start[1:].lstrip(_BLANKS)
    return start.startswith("{") and start[1:].lstrip(_BLANKS).startswith(('"', "}"))


def _damaged(count: int) -> Exception:
    return refuse(
        "json_damaged",
        f"The JSON breaks off or is no list of objects after object {count:,}. Write a list of "
        "objects, or one object per line.",
    )


@dataclass
class JsonRows:
    """Rows of one table. tables: names of the models of a fixture, "" where it is none."""

    content: Content
    encoding: str
    table: str
    tables: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def opened(cls, content: Content, encoding: str, table: str) -> "JsonRows":
        """Look for tables and keys. Raises InvalidInput: json_damaged, member_unknown,
        member_ambiguous, columns_too_many.
        """
        keys: dict[str, dict[str, None]] = {}
        for name, values in objects_of(content, encoding):
            keys.setdefault(name, {}).update(dict.fromkeys(values))
            if sum(map(len, keys.values())) > _MOST_KEYS:
                raise refuse("columns_too_many", "The objects have more than 20,000 keys.")
        if not keys:
            raise refuse("file_empty", "The file holds no object.")
        chosen = _chosen_table(tuple(keys), table)
        return cls(content, encoding, chosen, tuple(filter(None, keys)), tuple(keys[chosen]))

    def records(self, after: int = 0) -> Generator[Record, None, None]:
        """(row number, cells): the keys as row 1, then the objects; absent and null are ""."""
        if after < 1:
            yield 1, list(self.keys)
        row = 1
        for name, values in objects_of(self.content, self.encoding):
            if name != self.table:
                continue
            row += 1
            if row > after:
                yield row, [_text(values.get(key)) for key in self.keys]

    def batches(self, header_row: int, width: int) -> Generator[Batch, None, None]:
        """All objects."""
        for batch in batches_of(self.records(after=header_row), width):
            check_cells(batch)
            yield batch


def _chosen_table(tables: tuple[str, ...], wanted: str) -> str:
    """The table asked for; else the only one, or the one of the loans."""
    if wanted:
        if wanted in tables:
            return wanted
        raise refuse("member_unknown", f"The file has no such table; it has: {', '.join(tables)}.")
    loans = [name for name in tables if name.rpartition(".")[2].casefold() in {"loan", "loans"}]
    if len(tables) == 1 or len(loans) == 1:
        return (loans or list(tables))[0]
    raise refuse(
        "member_ambiguous",
        f"The file holds {len(tables):,} tables: {', '.join(tables)}. Say which one is the tape.",
        field="member",
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False, default=str)


class _Number(str):
    """A number as it is written in the file."""


def objects_of(content: Content, encoding: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, values) of each object; a fixture's model is its table, its fields are the values."""
    text = io.TextIOWrapper(content.open(), encoding=encoding, errors="replace", newline="")
    count = 0
    try:
        for found in _values(text):
            if not isinstance(found, dict):
                raise _damaged(count)
            count += 1
            if found.keys() >= _FIXTURE and isinstance(found["fields"], dict):
                yield str(found["model"]), {"pk": found.get("pk"), **found["fields"]}
            else:
                yield "", found
    except (json.JSONDecodeError, RecursionError) as error:
        raise _damaged(count) from error
    finally:
        text.detach()


def _values(text: io.TextIOWrapper) -> Iterator[Any]:
    """Values of a list or of a sequence of lines, one by one."""
    decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    buffer, is_list, is_ended = text.read(_READ_CHARS).lstrip(_BLANKS + "\ufeff"), False, False
    if buffer.startswith("["):
        buffer, is_list = buffer[1:], True
    while True:
        start = buffer.lstrip(_BLANKS + ",")
        if is_list and start.startswith("]"):
            return
        try:
            value, end = decoder.raw_decode(start)
        except json.JSONDecodeError:
            more = "" if is_ended else text.read(max(_READ_CHARS, len(start)))
            is_ended = not more
            if (is_ended and not start and not is_list) or len(start) > _LONGEST_OBJECT:
                if start:
                    raise
                return
            if is_ended:
                raise
            buffer = start + more
            continue
        yield value
        buffer = start[end:] if end < len(start) else ""

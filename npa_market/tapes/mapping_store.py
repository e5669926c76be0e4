"""Mappings that sellers saved: versions, the one that fits a file, what differs in a new file."""

import hashlib
import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import rfc8785
from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify

from npa_market.common.clock import database_now
from npa_market.common.errors import InvalidInput
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.tapes.mapping import (
    Mapping,
    MappingError,
    folded_header,
    mapping_named,
    parse_mapping,
)
from npa_market.tapes.mapping_shape import check_shape
from npa_market.tapes.models import SellerMapping, Tape

FOOTER_WORDS = ("合计", "总计", "小计", "Total", "TOTAL", "Grand total", "Summe")


def fingerprint(header: Sequence[str]) -> str:
    """SHA-256 of the names of columns, whatever their case, width and order."""
    names = sorted(folded_header(name) for name in header if name.strip())
    return hashlib.sha256(rfc8785.dumps(names)).hexdigest()


def parsed_mapping(saved: SellerMapping) -> Mapping:
    """The mapping of a saved version, under its reference (`cards@3`)."""
    return _parsed(saved.pk)


@lru_cache(maxsize=64)
def _parsed(key: UUID) -> Mapping:
    saved = SellerMapping.objects.get(pk=key)  # A version never changes.
    named = {"name": saved.reference, "version": saved.version, "title": saved.title}
    return parse_mapping({"description": "", **saved.document, **named})


def saved_mapping(seller: Organisation, reference: str) -> SellerMapping:
    """The version that a reference names. Raises InvalidInput where the seller has none."""
    name, _, version = reference.partition("@")
    found = None
    if version.isdecimal() and len(version) < 6:
        found = SellerMapping.objects.filter(seller=seller, name=name, version=int(version)).first()
    if found is None:
        raise InvalidInput(
            "mapping_unknown", "You have no saved mapping of this name.", field="mapping"
        )
    return found


def mapping_of(tape: Tape) -> Mapping:
    """The mapping that a tape is read through."""
    return parsed_mapping(tape.saved_mapping) if tape.saved_mapping else mapping_named(tape.mapping)


def fitting_mapping(seller: Organisation, header: Sequence[str]) -> SellerMapping | None:
    """The seller's newest mapping for these columns, else the nearest one that can read them."""
    newest = SellerMapping.objects.filter(seller=seller).newest()
    exact = newest.filter(fingerprint=fingerprint(header)).first()
    if exact:
        return exact
    usable = [saved for saved in newest[:50] if not parsed_mapping(saved).missing_columns(header)]
    return min(usable, key=lambda saved: _distance(saved.header, header), default=None)


def _distance(old: Sequence[str], new: Sequence[str]) -> int:
    return len(_folded(old) ^ _folded(new))


def _folded(header: Sequence[str]) -> set[str]:
    return {folded_header(name) for name in header if name.strip()}


@dataclass(frozen=True)
class HeaderChanges:
    """Columns that a new file has more or less than the one a mapping was made for."""

    added: tuple[str, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.gone)


def header_changes(saved: SellerMapping, header: Sequence[str]) -> HeaderChanges:
    """What differs between the columns of a file and those a mapping was saved with."""
    old, new = _folded(saved.header), _folded(header)
    return HeaderChanges(
        tuple(name for name in header if name.strip() and folded_header(name) not in old),
        tuple(name for name in saved.header if name.strip() and folded_header(name) not in new),
    )


def document_changes(old: MappingOf[str, Any], new: MappingOf[str, Any]) -> list[str]:
    """Fields and settings that differ between two versions of a mapping, by name."""
    before, after = old.get("fields", {}), new.get("fields", {})
    fields = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    others = sorted(
        (old.keys() | new.keys()) - {"fields", "name", "version", "title", "description"}
    )
    return [*fields, *(name for name in others if old.get(name) != new.get(name))]


def checked_document(document: MappingOf[str, Any]) -> Mapping:
    """Parse a document that people wrote. Raises InvalidInput with the fault in words."""
    try:
        check_shape(document)
        for pattern in document.get("footer", ()):
            # A pattern of theirs could take hours over one line: beginnings of lines only.
            if pattern != footer_pattern(footer_words(pattern)):
                raise MappingError("footer: write how the line begins, as ^words")
        return parse_mapping(
            {"name": "new", "version": 1, "title": "", "description": "", **document}
        )
    except MappingError as error:
        raise InvalidInput("mapping_wrong", f"{error}.", field="document") from error


def footer_pattern(words: str) -> str:
    """Pattern of lines that begin with these words."""
    return "^" + re.escape(words)


def footer_words(pattern: str) -> str:
    """The words of such a pattern."""
    return re.sub(r"\\(.)", r"\1", pattern.removeprefix("^"))


@transaction.atomic
def save_mapping(
    *,
    user: User,
    seller: Organisation,
    title: str,
    document: dict[str, Any],
    header: Sequence[str],
    layout: dict[str, Any] | None = None,
) -> SellerMapping:
    """Save a mapping as a new version of its name; unchanged, the last version is returned.

    The name is made from the title. `header`: columns of the file it was made for. Raises
    NotPermitted, InvalidInput (mapping_wrong, title_missing).
    """
    require(user, "tapes.save_mapping", seller)
    name = slugify(title, allow_unicode=False)[:40] or _code(title)
    if not title.strip():
        raise InvalidInput("title_missing", "Give the mapping a title.", field="title")
    document = {key: value for key, value in document.items() if key not in {"name", "version"}}
    checked_document(document)
    # One save at a time per seller: versions have no gaps and no twins.
    Organisation.objects.select_for_update().get(pk=seller.pk)
    versions = SellerMapping.objects.filter(seller=seller, name=name)
    last = versions.order_by("-version").first()
    same = last and (last.document, last.header, last.layout) == (
        document,
        list(header),
        layout or {},
    )
    if last and same:
        return last
    saved = SellerMapping.objects.create(
        seller=seller,
        name=name,
        version=(versions.aggregate(Max("version"))["version__max"] or 0) + 1,
        title=title.strip()[:80],
        document=document,
        header=list(header),
        fingerprint=fingerprint(header),
        layout=layout or {},
        created_by=user,
        created_at=database_now(),
    )
    record(
        type="mapping.saved",
        subject=saved,
        actor=user,
        payload={
            "mapping": saved.reference,
            "document_sha256": hashlib.sha256(rfc8785.dumps(document)).hexdigest(),
            "changed": document_changes(last.document, document)
            if last
            else sorted(document["fields"]),
        },
    )
    return saved


def _code(title: str) -> str:
    """A name for a title without Latin letters: the same title is the same mapping."""
    return f"mapping-{hashlib.sha256(title.strip().encode()).hexdigest()[:10]}"

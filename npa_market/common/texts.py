"""Texts that people write: what the database and the log can keep, and reasons for an act."""

import re

from npa_market.common.errors import InvalidInput

# PostgreSQL keeps no NUL, and no encoding writes half of a surrogate pair.
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def can_be_kept(text: str) -> bool:
    """Is the text free of NUL and of half surrogate pairs?"""
    return not _UNKEEPABLE.search(text)


def checked_reason(reason: str, *, most: int, words: str, least: int = 1) -> str:
    """A reason of `least` to `most` characters without blanks around it.

    Raises InvalidInput `reason_needed` with these words.
    """
    cleaned = reason.strip()
    if not least <= len(cleaned) <= most or not can_be_kept(cleaned):
        raise InvalidInput("reason_needed", words, field="reason")
    return cleaned

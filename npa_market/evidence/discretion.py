"""What the log keeps from the venue's own people; rooms above it register themselves when ready.

The log itself is whole and unchanged: these rules decide what its pages show, and to whom.
"""

from collections.abc import Callable, Iterable

from django.db.models import Q

_withheld: list[Callable[[], Q]] = []
_for_actors: list[Callable[[], Q]] = []
_nameless: set[str] = set()


def register_withheld(entries: Callable[[], Q]) -> None:
    """Keep the entries that meet a condition, asked for at each reading, out of every page."""
    if entries not in _withheld:
        _withheld.append(entries)


def register_for_actors(entries: Callable[[], Q]) -> None:
    """The same, but the actor's own institution reads its own."""
    if entries not in _for_actors:
        _for_actors.append(entries)


def register_nameless(types: Iterable[str]) -> None:
    """Record the actor of entries of these types as a commitment; name it to colleagues alone."""
    _nameless.update(types)


def withheld_now() -> Q:
    """The entries that nobody reads at this moment; an empty condition where there is no rule."""
    return Q(*(entries() for entries in _withheld), _connector=Q.OR)


def withheld_from_others() -> Q:
    """The entries that nobody but the actor's own institution reads at this moment."""
    return Q(*(entries() for entries in [*_withheld, *_for_actors]), _connector=Q.OR)


def is_nameless(entry_type: str) -> bool:
    return entry_type in _nameless

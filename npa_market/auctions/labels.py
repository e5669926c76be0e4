"""Names of bidders on a lot: stable within it, and telling nothing across lots (A20)."""

import secrets
from collections.abc import Callable, Collection, Sequence
from itertools import islice, product
from string import ascii_uppercase

Choose = Callable[[Sequence[str]], str]
# Twice as many names as bidders at least, so that a letter tells neither rank nor number.
_SPARE = 2


def next_label(taken: Collection[str], choose: Choose = secrets.choice) -> str:
    """A label that is not taken, `Bidder K`, drawn at random so that order of admission is hidden.

    `choose` draws one of several texts; the default cannot be predicted.
    """
    size = max(len(ascii_uppercase), _SPARE * (len(taken) + 1))
    free = [label for label in islice(_labels(), size) if label not in taken]
    return choose(free)


def _labels() -> "map[str]":
    """Bidder A to Z, then AA, AB, …"""
    letters = (
        "".join(parts)
        for length in range(1, 5)
        for parts in product(ascii_uppercase, repeat=length)
    )
    return map("Bidder {}".format, letters)

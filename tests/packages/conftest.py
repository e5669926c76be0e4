"""A tape of twelve loans, and drafts over it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from npa_market.evidence.models import Entry
from npa_market.packages.services import draft_package
from tests.builders import CUT_OFF, loans_on_tape


def types_about(package):
    """What happened to a package, entry by entry."""
    return [entry.type for entry in Entry.objects.about(package.pk)]


@pytest.fixture
def tape(seller, seller_user):
    return loans_on_tape(seller, seller_user, 12)


@pytest.fixture
def draft(seller, seller_user):
    """Draft a package over everything, with changes."""

    def make(**changes):
        wanted = {
            "user": seller_user,
            "seller": seller,
            "title": "Consumer loans",
            "currency": "CNY",
            "cut_off_date": CUT_OFF,
            "criteria": {},
            "transfer_basis": "Clause 9",
        }
        return draft_package(**(wanted | changes))

    return make


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """The thread that makes the rows of a sealing."""
    with ThreadPoolExecutor(1) as thread:
        yield thread

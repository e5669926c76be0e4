"""Members go in as one set: in their places, checked, or not at all."""

import os

import pyarrow as pa
import pytest
from django.db import IntegrityError, transaction

from npa_market.packages import members
from npa_market.packages.members import insert_members
from npa_market.packages.models import PackageLoan
from npa_market.tapes.models import Loan
from tests.builders import loans_on_tape, screened_package


@pytest.fixture
def package(seller_user):
    return screened_package(seller_user, 7)


def rows_for(keys):
    """Keys joined, and a token for each."""
    return b"".join(keys), pa.array([f"{number:032x}" for number in range(len(keys))], pa.string())


def test_members_keep_the_order_of_the_file(package, monkeypatch):
    monkeypatch.setattr(members, "_BLOCK_ROWS", 3)  # More blocks than one.
    keys = [key.bytes for key in Loan.objects.order_by("?").values_list("pk", flat=True)]
    insert_members(package, *rows_for(keys))
    found = PackageLoan.objects.order_by("position").values_list(
        "position", "loan_id", "token", "is_live", "package_id"
    )
    assert [(at, loan.bytes, token, live, owner) for at, loan, token, live, owner in found] == [
        (at, key, f"{at:032x}", True, package.pk) for at, key in enumerate(keys)
    ]


def test_a_part_of_a_longer_column_of_tokens_is_taken_as_that_part(package):
    keys = [loan.pk.bytes for loan in Loan.objects.all()[:2]]
    tokens = pa.array([f"{number:032x}" for number in range(9)], pa.string())
    insert_members(package, b"".join(keys), tokens.slice(4, 2))
    assert sorted(package.members.values_list("token", flat=True)) == [f"{4:032x}", f"{5:032x}"]
    with pytest.raises(ValueError, match="32 characters"):
        insert_members(package, b"".join(keys), pa.array(["a" * 31, "b" * 33]))


def test_no_loans_are_no_members(package):
    insert_members(package, b"", pa.array([], pa.string()))
    assert not package.members.exists()


def test_O2_refuses_a_loan_that_another_package_holds(package, seller, seller_user):
    loans_on_tape(seller, seller_user, 1, seed=9)
    keys, tokens = rows_for([loan.pk.bytes for loan in Loan.objects.all()])
    insert_members(package, keys, tokens)
    other = screened_package(seller_user, 1)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        insert_members(other, keys[:16], tokens.slice(0, 1))
    assert any(name in str(caught.value) for name in ("O2_loan_in", "packages_packageloan.loan_id"))
    assert not other.members.exists()


@pytest.mark.django_db(transaction=True)
def test_a_loan_that_does_not_exist_leaves_no_member(package):
    known = Loan.objects.first().pk.bytes
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_members(package, *rows_for([known, os.urandom(16)]))
    assert not PackageLoan.objects.exists()

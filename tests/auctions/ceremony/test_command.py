"""`manage.py lot_key`: three files, one public key, two shares open."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from npa_market.auctions.ceremony.models import LotKeyRecord
from npa_market.auctions.models import LotState
from npa_market.auctions.services import announce_lot
from npa_market.auctions.terms import Format
from tests.auctions.conftest import END, START, terms


@pytest.fixture
def lot(clock, package, seller_user):
    return announce_lot(
        user=seller_user, package_id=package.pk, title="East", terms=terms(format=Format.SEALED)
    )


def test_shares_are_written_apart_for_their_holders_alone(lot, operator, tmp_path, capsys):
    made = ["lot_key", "make", lot.reference, "--user", operator.email, "--out", str(tmp_path)]
    call_command(*made)
    files = sorted(tmp_path.glob("*.txt"))
    assert [file.name.removeprefix(f"{lot.reference}-") for file in files] == [
        "compliance.txt", "notary.txt", "seller.txt",
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    said = capsys.readouterr().out
    assert LotKeyRecord.objects.get().public_key in said
    assert files[0].read_text().split()[4] not in said.split()
    with pytest.raises(CommandError, match="has its key"):
        call_command(*made)


def test_nothing_is_overwritten_and_no_key_is_kept_without_its_shares(lot, operator, tmp_path):
    (tmp_path / f"{lot.reference}-notary.txt").write_text("older")
    with pytest.raises(CommandError, match="never overwritten"):
        call_command(
            *["lot_key", "make", lot.reference, "--user", operator.email, "--out", str(tmp_path)]
        )
    assert not LotKeyRecord.objects.exists()
    assert (tmp_path / f"{lot.reference}-notary.txt").read_text() == "older"


def test_a_share_is_handed_in_from_its_file(sealed, clock, tmp_path, capsys):
    sealed.bid(0, START)
    clock.now = END + timedelta(minutes=1)
    for holder in ("seller", "notary"):
        path = tmp_path / holder
        path.write_text(sealed.key.shares[holder])
        call_command(
            *["lot_key", "share", sealed.lot.reference, "--user", sealed.holders[holder].email],
            *["--holder", holder, "--file", str(path)],
        )
    sealed.lot.refresh_from_db()
    assert sealed.lot.state == LotState.SOLD


@pytest.mark.parametrize("wrong", ["lot", "person", "file"])
def test_wrong_names_are_told(sealed, operator, tmp_path, wrong):
    lot = "LOT-1" if wrong == "lot" else sealed.lot.reference
    person = "nobody@example.com" if wrong == "person" else operator.email
    with pytest.raises(CommandError, match="no |cannot be read"):
        call_command(
            *["lot_key", "share", lot, "--user", person, "--holder", "notary"],
            *["--file", str(tmp_path / "none")],
        )

"""Notices: published by the approver, public at once, compared, never changed."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from npa_market.auctions.models import Lot, Notice
from npa_market.auctions.notices.document import document_sha256
from npa_market.auctions.notices.services import publish_premarketing, withdraw_notice
from npa_market.auctions.services import announce_lot
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.packages.models import Package
from tests.auctions.conftest import OPENING, RESERVE, START, terms

DAY = OPENING.date()
pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(settings):
    settings.VENUE_PREMARKETING_DAYS = 15
    settings.VENUE_ANNOUNCEMENT_DAYS = 10
    settings.VENUE_SHORT_ANNOUNCEMENT_DAYS = 5


def announce(user, package, **changes):
    return announce_lot(
        user=user, package_id=package.pk, title="East", terms=terms(**changes), remark="As seen."
    )


def later(days: int) -> dict:
    """Terms whose bidding opens this many days later."""
    names = ("registration_ends_at", "opens_at", "ends_at", "hard_end_at")
    base = terms()
    return {name: getattr(base, name) + timedelta(days=days) for name in names}


def test_an_announcement_is_published_with_its_lot_and_names_no_price(clock, package, seller_user):
    lot = announce(seller_user, package)
    notice = lot.announcement
    assert notice.document_sha256 == document_sha256(notice.document)
    assert notice.document["facts"]["loans"] == package.loans
    assert notice.document["remark"] == "As seen."
    text = str(notice.document)
    for secret in (START, RESERVE):
        assert str(secret) not in text
    entry = Entry.objects.get(type="notice.published")
    assert entry.payload.body["document_sha256"] == notice.document_sha256


def test_figures_that_differ_from_the_package_stop_the_announcement(clock, package, seller_user):
    Package.objects.filter(pk=package.pk).update(loans=package.loans + 1)
    with pytest.raises(Refused, match="loans: the parts make 400, the whole is 401"):
        announce(seller_user, package)
    assert not Lot.objects.exists()


def test_a_lot_announced_too_late_names_the_first_day(clock, rule, package, seller_user):
    with pytest.raises(InvalidInput, match="25 Nov 2026 at the earliest: 10 working days") as error:
        announce(seller_user, package)
    assert error.value.field == "opens_at"
    assert not Notice.objects.exists()
    assert announce(seller_user, package, **later(14)).announcement.bidding_day == date(
        2026, 11, 25
    )


def test_premarketing_in_time_shortens_the_announcement(clock, rule, package, seller_user):
    first = publish_premarketing(
        user=seller_user, package_id=package.pk, bidding_day=date(2026, 12, 2)
    )
    clock.now += timedelta(days=14)
    lot = announce(seller_user, package, **later(21))
    assert lot.announcement.follows == first
    assert lot.announcement.document["difference"] == {
        "notice": first.reference,
        "loans_out": 0,
        "loans_in": 0,
    }


def test_premarketing_too_late_does_not(clock, rule, package, seller_user):
    publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=date(2026, 12, 2))
    clock.now += timedelta(days=13)
    with pytest.raises(InvalidInput, match="10 working days"):
        announce(seller_user, package, **later(20))


def test_publishing_again_gives_the_notice_in_force(clock, package, seller_user):
    asked = {"user": seller_user, "package_id": package.pk, "bidding_day": DAY}
    first = publish_premarketing(**asked)
    assert publish_premarketing(**asked) == first
    assert Entry.objects.filter(type="notice.published").count() == 1
    with pytest.raises(Refused, match="is in force"):
        publish_premarketing(**asked, remark="Other words.")


def test_only_an_approver_of_the_seller_publishes_and_withdraws(
    clock, package, seller_user, stranger, buyer_user, operator
):
    notice = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    for person in (stranger, buyer_user, operator):
        with pytest.raises(NotPermitted):
            publish_premarketing(user=person, package_id=package.pk, bidding_day=DAY)
        with pytest.raises(NotPermitted):
            withdraw_notice(user=person, notice_id=notice.pk, reason="no")


def test_a_withdrawal_gives_a_reason_happens_once_and_makes_room(clock, package, seller_user):
    notice = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    with pytest.raises(InvalidInput, match="Say why"):
        withdraw_notice(user=seller_user, notice_id=notice.pk, reason="  ")
    for _ in range(2):
        withdraw_notice(user=seller_user, notice_id=notice.pk, reason="New cut-off date.")
    assert Entry.objects.filter(type="notice.withdrawn").count() == 1
    again = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    assert again != notice
    lot = announce(seller_user, package)
    assert lot.announcement.follows == again
    with pytest.raises(Refused, match="ends with its lot"):
        withdraw_notice(user=seller_user, notice_id=lot.announcement.pk, reason="no")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bidding_day": DAY - timedelta(days=1)}, "day_past"),
        ({"remark": "x" * 1_001}, "too_long"),
        ({"contact": "x" * 1_001}, "too_long"),
    ],
)
def test_unsound_notices_are_refused(clock, package, seller_user, changes, code):
    asked = {"package_id": package.pk, "bidding_day": DAY} | changes
    with pytest.raises(InvalidInput) as error:
        publish_premarketing(user=seller_user, **asked)
    assert error.value.code == code


def test_one_premarketing_notice_is_in_force_by_constraint(clock, package, seller_user):
    notice = publish_premarketing(user=seller_user, package_id=package.pk, bidding_day=DAY)
    notice.pk, notice.reference = None, "NTC-other"
    notice._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        notice.save(force_insert=True)

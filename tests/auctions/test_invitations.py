"""Lots for institutions that the seller invites by name."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from npa_market.auctions import services
from npa_market.auctions.models import Invitation, Lot, Registration, RegistrationState
from npa_market.auctions.services import announce_lot
from npa_market.auctions.terms import Format
from npa_market.common.errors import InvalidInput, Refused
from npa_market.evidence.models import Entry
from npa_market.parties.models import Organisation, QualificationState
from tests.auctions.conftest import END, HARD_END, OPENING, START, STEP, Market, sign, terms

pytestmark = pytest.mark.django_db
BY_FORMAT = {
    Format.ASCENDING: {},
    Format.SEALED: {},
    Format.DUTCH: {"lowest_price_minor": START // 2, "hard_end_at": HARD_END},
}


def offer(package, user, invitees, **changes) -> Lot:
    return announce_lot(
        user=user, package_id=package.pk, title="East", terms=terms(**changes), invitees=invitees
    )


@pytest.fixture
def private(clock, package, room, seller_user, operator, buyer) -> Market:
    """A lot to which the first buyer alone is invited."""
    return Market(offer(package, seller_user, [buyer.pk]), room, seller_user, operator)


@pytest.mark.parametrize("kind", BY_FORMAT)
def test_only_those_concerned_see_the_lot(
    clock, package, seller_user, operator, buyer, buyer_user, other_buyer_user, kind
):
    lot = offer(package, seller_user, [buyer.pk], format=kind, **BY_FORMAT[kind])
    assert lot.by_invitation
    for user, sees in (
        (seller_user, True), (operator, True), (buyer_user, True), (other_buyer_user, False),
    ):  # fmt: skip
        assert Lot.objects.visible_to(user).filter(pk=lot.pk).exists() == sees, user


def test_a_lot_for_all_is_seen_by_all(announced, other_buyer_user):
    assert not announced.lot.by_invitation
    assert Lot.objects.visible_to(other_buyer_user).get() == announced.lot


def test_A15_who_is_not_invited_can_neither_register_nor_bid(
    private, clock, buyer, buyer_user, other_buyer, other_buyer_user
):
    sign(private.room, other_buyer, other_buyer_user)
    with pytest.raises(Refused, match="institutions it invited") as refusal:
        services.register_for_lot(user=other_buyer_user, lot_id=private.lot.pk, buyer=other_buyer)
    assert refusal.value.code == "not_invited"
    private.admit(buyer, buyer_user)
    uninvited = _smuggled_in(private, other_buyer, other_buyer_user)
    clock.now = OPENING
    assert private.bid(0, START).refusal == ""
    assert private.bid(1, START + STEP).refusal == "not_admitted"
    Invitation.objects.create(lot=private.lot, buyer=uninvited.buyer)
    assert private.bid(1, START + STEP).refusal == "", "the invitation alone was missing"


def _smuggled_in(market, buyer, user) -> Registration:
    """An admitted and deposited registration that no service would have made."""
    registration = Registration.objects.create(
        lot=market.lot,
        buyer=buyer,
        label="Bidder ZZ",
        state=RegistrationState.ADMITTED,
        applied_by=user,
        applied_at=OPENING,
    )
    services.confirm_deposit(
        user=market.operator, registration_id=registration.pk, bank_reference="Z-1"
    )
    market.bidders.append((buyer, user))
    return registration


@pytest.mark.parametrize(
    ("invitees", "changes", "code"),
    [
        ([], {}, "invitees_wrong"),
        ([uuid4() for _ in range(201)], {}, "invitees_wrong"),
        ([uuid4()], {}, "unknown_buyer"),
    ],
)
def test_an_unsound_list_is_refused(clock, package, seller_user, invitees, changes, code):
    with pytest.raises((Refused, InvalidInput)) as refusal:
        offer(package, seller_user, invitees, **changes)
    assert (refusal.value.code, refusal.value.field) == (code, "invitees")
    assert not Lot.objects.exists()


def test_only_qualified_buyers_are_invited(clock, package, seller, seller_user, buyer, other_buyer):
    Organisation.objects.filter(pk=other_buyer.pk).update(
        qualification=QualificationState.SUSPENDED
    )
    for keys in ([buyer.pk, other_buyer.pk], [seller.pk]):
        with pytest.raises(Refused, match="not qualified one of these"), transaction.atomic():
            offer(package, seller_user, keys)


def test_a_negotiation_has_its_one_invited(private, package, seller_user, buyer):
    negotiated = {"format": Format.NEGOTIATED, "invited": str(buyer.pk)}
    services.withdraw_lot(user=seller_user, lot_id=private.lot.pk, reason="Other format")
    with pytest.raises(InvalidInput, match="its one invited buyer"), transaction.atomic():
        offer(package, seller_user, [buyer.pk], **negotiated)
    lot = announce_lot(
        user=seller_user, package_id=package.pk, title="East", terms=terms(**negotiated)
    )
    with pytest.raises(IntegrityError, match="negotiated_has"), transaction.atomic():
        Lot.objects.filter(pk=lot.pk).update(by_invitation=True)


def test_the_public_reads_that_institutions_are_invited_and_no_name(private, buyer):
    document = private.lot.announcement.document
    assert document["who_may_buy"] == "qualified institutions that the seller invited"
    page = Client().get(private.lot.announcement.get_absolute_url()).content.decode()
    assert "institutions that the seller invited" in page
    for text in (page, str(document)):
        assert buyer.name not in text
    entries = Entry.objects.about(private.lot.pk)
    assert not any(str(buyer.pk) in str(entry.payload.body) for entry in entries)
    (entry,) = Entry.objects.filter(type="lot.buyer_invited")
    assert entry.payload.body == {"lot": private.lot.reference, "buyer": str(buyer.pk)}


class TestPages:
    def test_the_seller_alone_reads_the_names(
        self, private, as_user, buyer, buyer_user, other_buyer_user, operator
    ):
        page = reverse("auctions:detail", args=[private.lot.pk])
        own = as_user(private.seller_user).get(page).content.decode()
        assert "Invited institutions" in own
        assert f"<li>{buyer.name}</li>" in own
        for user in (buyer_user, operator):
            text = as_user(user).get(page).content.decode()
            assert "invited institutions" in text
            assert f"<li>{buyer.name}</li>" not in text
        assert as_user(other_buyer_user).get(page).status_code == 404
        act = reverse("auctions:register", args=[private.lot.pk])
        assert as_user(other_buyer_user).post(act).status_code == 404

    @pytest.fixture
    def typed(self, package):
        def fill(**changes):
            dates = {
                "registration_ends_at": OPENING, "opens_at": OPENING,
                "ends_at": END, "hard_end_at": HARD_END,
            }  # fmt: skip
            return {
                "package": package.pk, "title": "East", "start_price": "1000", "step": "10",
                "deposit": "100", "time_zone": "UTC", "window": 300, "extension": 300,
                **{name: f"{when:%Y-%m-%dT%H:%M}" for name, when in dates.items()},
                **changes,
            }  # fmt: skip

        return fill

    def test_invites_on_the_form(self, clock, as_user, seller_user, typed, buyer):
        client, address = as_user(seller_user), reverse("auctions:new")
        for wrong, words in (
            ({"buyers": "invited"}, "Choose the institutions"),
            ({"invitees": [buyer.pk]}, "These count only where"),
            ({"buyers": "invited", "invitees": [uuid4()]}, "not one of the available choices"),
        ):
            answer = client.post(address, typed(**wrong))
            assert answer.status_code == 422
            assert words in answer.content.decode()
        client.post(address, typed(buyers="invited", invitees=[buyer.pk]))
        lot = Lot.objects.get()
        assert (lot.by_invitation, lot.invitations.get().buyer) == (True, buyer)
        services.withdraw_lot(user=seller_user, lot_id=lot.pk, reason="Dates")
        form = client.get(address, {"reannounces": lot.pk}).context["form"]
        assert form["buyers"].value() == "invited"
        assert form["invitees"].value() == [buyer.pk]

    def test_invites_by_the_api(self, clock, as_user, seller_user, package, buyer):
        body = {
            "package": str(package.pk), "title": "East", "invitees": [str(buyer.pk)],
            "start_price_minor": START, "step_minor": STEP, "deposit_minor": 1,
            "registration_ends_at": OPENING.isoformat(), "opens_at": OPENING.isoformat(),
            "ends_at": END.isoformat(), "hard_end_at": HARD_END.isoformat(),
        }  # fmt: skip
        client = as_user(seller_user)
        answer = client.post(reverse("v1:lot-list"), body, content_type="application/json")
        assert (answer.status_code, answer.json()["by_invitation"]) == (201, True)
        assert str(buyer.pk) not in answer.content.decode()

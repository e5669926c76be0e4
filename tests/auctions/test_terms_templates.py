"""Terms kept under a name, to start an announcement from them."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from npa_market.auctions.models import Lot, TermsTemplate
from npa_market.auctions.prefill import TERMS, as_typed, terms_values
from npa_market.auctions.services import delete_terms, save_terms
from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.money import MAX_MINOR
from npa_market.evidence.models import Entry
from npa_market.parties.roles import Role
from tests.auctions.conftest import END, HARD_END, OPENING, RESERVE, START

pytestmark = pytest.mark.django_db
DOCUMENT = {"format": "sealed", "start_price_minor": START, "allows_withdrawal": True}
NEW = "/lots/new/"


@pytest.fixture
def keep(clock, seller, seller_user):
    def act(name="Usual", **changes) -> TermsTemplate:
        changes = {"user": seller_user, "seller": seller, "document": DOCUMENT, **changes}
        return save_terms(name=name, currency="CNY", **changes)

    return act


def names() -> list[str]:
    return list(TermsTemplate.objects.values_list("name", flat=True))


class TestKeeping:
    def test_the_same_name_again_replaces_the_terms(self, keep):
        first = keep()
        again = keep("  Usual ", document={"format": "dutch"})
        assert again.pk == first.pk
        assert TermsTemplate.objects.get().document == {"format": "dutch"}
        entries = Entry.objects.about(first.pk)
        assert [entry.type for entry in entries] == ["terms_template.saved"] * 2

    def test_a_picked_template_is_renamed_by_saving_it(self, keep):
        first = keep()
        keep("Yearly", template_id=first.pk)
        assert names() == ["Yearly"]
        assert Entry.objects.about(first.pk).first().payload.body["before"] in {"", "Usual"}
        keep("Other")
        with pytest.raises(Refused) as refusal:
            keep("Other", template_id=first.pk)
        assert (refusal.value.code, refusal.value.field) == ("name_taken", "terms_name")
        assert names() == ["Other", "Yearly"]

    def test_deleted_once_and_for_all(self, keep, seller_user):
        kept = keep()
        for _ in range(2):
            delete_terms(user=seller_user, template_id=kept.pk)
        assert names() == []
        entry = Entry.objects.get(type="terms_template.deleted")
        assert entry.payload.body == {"name": "Usual"}
        with pytest.raises(Refused, match="was deleted"):
            keep(template_id=kept.pk)

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\x00b"])
    def test_a_name_is_needed(self, keep, name):
        with pytest.raises(InvalidInput) as refusal:
            keep(name)
        assert refusal.value.field == "terms_name"

    @pytest.mark.parametrize(
        "document",
        [
            {"reserve_minor": RESERVE},
            {"opens_at": "2026-11-11T10:00"},
            {"package": str(uuid4())},
            {"start_price_minor": 0},
            {"deposit_minor": MAX_MINOR + 1},
        ],
    )
    def test_a_template_holds_terms_alone(self, keep, document):
        with pytest.raises(InvalidInput) as refusal:
            keep(document=document)
        assert refusal.value.code == "terms_wrong"
        assert names() == []

    def test_is_the_sellers_approvers(self, keep, seller, make_user, operator, buyer, buyer_user):
        kept = keep()
        analyst = make_user("analyst@example.com", seller, Role.SELLER_ANALYST)
        for user in (analyst, operator, buyer_user):
            with pytest.raises(NotPermitted):
                keep("Mine", user=user)
            with pytest.raises(NotPermitted):
                delete_terms(user=user, template_id=kept.pk)
        with pytest.raises(NotPermitted):
            keep(seller=buyer)

    def test_only_the_sellers_own_staff_see_it(self, keep, seller_user, operator, buyer_user):
        kept = keep()
        assert TermsTemplate.objects.visible_to(seller_user).get() == kept
        for user in (operator, buyer_user):
            assert not TermsTemplate.objects.visible_to(user).exists()

    def test_the_database_keeps_names_apart(self, keep, seller, seller_user, clock):
        keep()
        with pytest.raises(IntegrityError, match=r"terms_name|termstemplate"), transaction.atomic():
            TermsTemplate.objects.create(
                seller=seller, name="Usual", document={}, saved_by=seller_user, saved_at=clock.now
            )


def test_terms_are_columns_of_a_lot_and_none_is_a_secret_or_a_date(announced):
    values = terms_values(announced.lot)
    assert set(values) == set(TERMS)
    assert not {"reserve_minor", "opens_at", "package", "title"} & set(TERMS)
    typed = as_typed({**values, "higher_steps": [[START + 1, 5]]}, "CNY")
    assert (typed["start_price"], typed["window"]) == ("1,900,000.00", 300)
    assert typed["higher_steps"] == "1,900,000.01: 0.05"


class TestPages:
    @pytest.fixture
    def typed(self, package):
        def fill(**changes):
            return {
                "package": package.pk, "title": "East", "format": "dutch", "time_zone": "UTC",
                "start_price": "1,000.00", "step": "10", "deposit": "", "lowest_price": "500",
                "window": 60, "extension": 90, "reserve": "777", "tick_seconds": 30,
                "opens_at": f"{OPENING:%Y-%m-%dT%H:%M}", "terms_name": "Falling",
                "act": "save_template", **changes,
            }  # fmt: skip

        return fill

    def test_save_use_rename_and_delete(self, clock, as_user, seller_user, typed):
        client = as_user(seller_user)
        shown = client.post(NEW, typed())
        assert shown.status_code == 200
        text = shown.content.decode()
        assert "The terms are kept as Falling" in text
        assert f'value="{OPENING:%Y-%m-%dT%H:%M}"' in text, "what was typed is still there"
        assert 'value="777"' in text
        kept = TermsTemplate.objects.get()
        assert kept.currency == "CNY"
        assert kept.document["start_price_minor"] == 100_000
        assert "777" not in str(kept.document)
        assert "deposit_minor" not in kept.document

        form = client.get(NEW, {"template": kept.pk}).context["form"]
        assert [form[name].value() for name in ("format", "start_price", "step", "window")] == [
            "dutch", "1,000.00", "10.00", 60,
        ]  # fmt: skip
        assert [form[name].value() for name in ("reserve", "opens_at")] == [None, None]

        renamed = typed(template=kept.pk, terms_name="Yearly", act="replace_template")
        assert "kept as Yearly" in client.post(NEW, renamed).content.decode()
        assert names() == ["Yearly"]
        done = client.post(reverse("auctions:terms_delete", args=[kept.pk]), follow=True)
        assert "Yearly is deleted" in done.content.decode()
        assert names() == []
        assert not Lot.objects.exists()

    def test_what_cannot_be_read_is_named_and_nothing_is_lost(
        self, clock, as_user, seller_user, typed
    ):
        client = as_user(seller_user)
        for wrong, words in (
            ({"terms_name": ""}, "Name of the template: This field is required"),
            ({"step": "a lot"}, "Smallest step: "),
            ({"higher_steps": "5"}, "Step table: "),
        ):
            answer = client.post(NEW, typed(**wrong))
            text = answer.content.decode()
            assert answer.status_code == 422
            assert words in text
            assert 'value="East"' in text
        assert names() == []

    def test_a_lot_is_announced_from_a_template(self, clock, keep, as_user, seller_user, typed):
        kept = keep(document={**DOCUMENT, "deposit_minor": 10_000, "step_minor": 100})
        client = as_user(seller_user)
        form = client.get(NEW, {"template": kept.pk}).context["form"]
        body = {name: form[name].value() or "" for name in form.fields} | {
            "package": typed()["package"], "title": "East", "invitees": [],
            **dict.fromkeys(("registration_ends_at", "opens_at"), f"{OPENING:%Y-%m-%dT%H:%M}"),
            "ends_at": f"{END:%Y-%m-%dT%H:%M}", "hard_end_at": f"{HARD_END:%Y-%m-%dT%H:%M}",
            "time_zone": "UTC",
        }  # fmt: skip
        assert client.post(NEW, body).status_code == 302
        lot = Lot.objects.get()
        assert (lot.format, lot.allows_withdrawal, lot.reserve_minor) == ("sealed", True, None)

    def test_a_strangers_template_is_404(self, keep, as_user, make_user, make_organisation):
        kept = keep()
        rival = make_organisation("Rival", "seller")
        client = as_user(make_user("rival@example.com", rival, Role.SELLER_APPROVER))
        assert client.get(NEW, {"template": kept.pk}).status_code == 404
        assert client.get(NEW, {"template": "x"}).status_code == 404
        assert client.post(reverse("auctions:terms_delete", args=[kept.pk])).status_code == 404
        assert names() == ["Usual"]

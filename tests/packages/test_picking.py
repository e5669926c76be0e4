"""The optimiser's and the split's drafts: what is picked is what is drafted, screened, sealed."""

import pytest
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.money import format_minor
from npa_market.evidence.models import Entry
from npa_market.packages.models import LoanList, Package
from npa_market.packages.optimise import Conflict
from npa_market.packages.picking import Order, Source, draft_pick, draft_split, try_order
from npa_market.packages.sealed import loan_proof, read_sealed
from npa_market.packages.services import new_version, screen_package, seal_package
from npa_market.parties.roles import Role
from tests.builders import CUT_OFF, loans_on_tape

SOURCE = Source("CNY", CUT_OFF, {})


@pytest.fixture
def tape(seller, seller_user):
    return loans_on_tape(seller, seller_user, 90)


def order(tape, share=0.5, **changes):
    whole = sum(tape.loans.values_list("claim_minor", flat=True))
    asked = {
        "measure": "claim",
        "amount": int(whole * share),
        "maximise": "price",
        "limits": (("province", "", 0.5), ("product", "Cash loan", 0.4)),
    }
    return Order(**(asked | changes))


def test_a_pick_becomes_a_draft_that_seals(tape, seller, seller_user, second_seller_user):
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    package = draft_pick(**asked, order=order(tape), title="Half", transfer_basis="Clause 9")
    kept = LoanList.objects.get()
    assert package.criteria == {"picked": str(kept.pk)}
    assert package.loans == kept.loans == kept.outcome["loans"] < 90
    assert package.claim_minor <= order(tape).amount
    assert kept.outcome["reached"] == package.claim_minor
    assert 0 <= kept.outcome["gap_percent"] < 100
    types = [entry.type for entry in Entry.objects.about(package.pk)]
    assert set(types) == {"package.drafted", "package.picked"}
    screen_package(user=seller_user, package_id=package.pk)
    sealed = seal_package(user=second_seller_user, package_id=package.pk)
    frame = read_sealed(sealed)
    assert len(frame) == package.loans
    assert frame.groupby("province")["claim_minor"].sum().max() <= sealed.claim_minor / 2
    assert loan_proof(sealed, frame["loan_token"][0])["size"] == len(frame)
    again = new_version(user=seller_user, package_id=sealed.pk)
    assert again.loans == sealed.loans


def test_a_conflict_is_told_in_words_and_makes_no_draft(tape, seller, seller_user):
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    tight = order(tape, 0.9, limits=(("product", "", 0.2),))
    found = try_order(**asked, order=tight)
    assert isinstance(found.result, Conflict)
    with pytest.raises(Refused, match="out of reach"):
        draft_pick(**asked, order=tight, title="Tight")
    assert not Package.objects.exists()
    assert not LoanList.objects.exists()


def test_what_the_screen_excludes_is_not_picked_so_target_and_limits_hold_after_it(
    tape, seller, seller_user
):
    tape.loans.filter(province="Zhejiang").update(status="deceased")
    out = tape.loans.filter(status="deceased").count()
    assert 0 < out < 90
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    half = order(tape, limits=(("province", "", 0.7),))
    package = draft_pick(**asked, order=half, title="Some", transfer_basis="Clause 9")
    assert LoanList.objects.get().outcome["screened_out"] == out
    screened = screen_package(user=seller_user, package_id=package.pk)
    assert (screened.loans, screened.claim_minor) == (package.loans, package.claim_minor)
    parts = draft_split(**asked, parts=2, title="Half")
    assert sum(part.loans for part in parts) == 90 - out


def test_a_target_below_every_loan_makes_no_draft(tape, seller, seller_user):
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    with pytest.raises(Refused, match="Raise the target") as caught:
        draft_pick(**asked, order=order(tape, 0, amount=1, limits=()), title="Tiny")
    assert caught.value.field == "amount"
    assert not LoanList.objects.exists()


def test_an_empty_pick_names_the_limit_in_the_way(tape, seller, seller_user):
    """A single class can never keep below its share, and the smallest loan is told."""
    tape.loans.update(province="Zhejiang")
    claims = sorted(tape.loans.values_list("claim_minor", flat=True))
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    wanted = {"maximise": "claim", "keeps_borrowers_whole": False}
    tiny = order(tape, amount=claims[0] - 1, limits=(), **wanted)
    found = try_order(**asked, order=tiny)
    assert f"one loan come to {format_minor(claims[0], 'CNY')} CNY at least" in found.shortfall
    few = order(tape, amount=1, measure="loans", limits=(("product", "", 0.4),), **wanted)
    shortfall = try_order(**asked, order=few).shortfall
    assert "Loosening one of these" not in shortfall or "Product" in shortfall
    assert shortfall.startswith("No loan fits into 1 loan")
    assert "Product Cash loan at most 40 %" in shortfall
    with pytest.raises(Refused, match="Product Cash loan at most 40 %"):
        draft_pick(**asked, order=few, title="Few")


def test_a_pool_that_the_screen_empties_names_its_rules(tape, seller, seller_user):
    tape.loans.update(status="deceased")
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    with pytest.raises(Refused, match="all 90 loans .* Borrower deceased 90"):
        try_order(**asked, order=order(tape))
    nowhere = {"where": {"field": "province", "op": "in", "value": ["Nowhere"]}}
    with pytest.raises(Refused, match="No loan of the pool meets the criteria"):
        try_order(**asked | {"source": Source("CNY", CUT_OFF, nowhere)}, order=order(tape))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"),
        ({"measure": "weight"}, "measure"),
        ({"limits": (("province", "Atlantis", 0.2),)}, "limits"),
        ({"limits": (("colour", "", 0.2),)}, "limits"),
        ({"limits": (("province", "", 1.0),)}, "limits"),
        ({"limits": (("province", "", 0.5),) * 13}, "limits"),
    ],
)
def test_a_wrong_order_is_refused_by_field(tape, seller, seller_user, changes, field):
    with pytest.raises(InvalidInput) as caught:
        try_order(user=seller_user, seller=seller, source=SOURCE, order=order(tape, **changes))
    assert caught.value.field == field


def test_only_the_sellers_analysts_pick(tape, seller, stranger, make_user):
    finance = make_user("finance@example.com", seller, Role.SELLER_FINANCE)
    for user in (stranger, finance):
        with pytest.raises(NotPermitted):
            try_order(user=user, seller=seller, source=SOURCE, order=order(tape))


def test_a_split_makes_all_drafts_and_every_loan_is_in_one(tape, seller, seller_user):
    asked = {"user": seller_user, "seller": seller, "source": SOURCE}
    drafts = draft_split(**asked, parts=3, title="Third")
    assert [draft.title for draft in drafts] == ["Third 1 of 3", "Third 2 of 3", "Third 3 of 3"]
    assert sum(draft.loans for draft in drafts) == 90
    assert sum(draft.claim_minor for draft in drafts) == sum(
        tape.loans.values_list("claim_minor", flat=True)
    )
    claims = [draft.claim_minor for draft in drafts]
    assert max(claims) - min(claims) < 0.1 * max(claims)
    for parts in (1, 21):
        with pytest.raises(InvalidInput):
            draft_split(**asked, parts=parts, title="No")
    with pytest.raises(InvalidInput):  # The second draft is refused: none is made.
        draft_split(**asked, parts=3, title="x" * 197)
    assert Package.objects.count() == LoanList.objects.count() == 3


FORM = {"title": "T", "pool": "CNY 2026-06-30", "price": "5", "decline": "25"}


def test_the_pages_try_first_and_keep_when_asked(tape, seller_user, as_user):
    client = as_user(seller_user)
    url = reverse("packages:pick")
    asked = FORM | {"measure": "loans", "amount": "30", "maximise": "price", "whole": "on"}
    asked |= {"dimension_0": "province", "share_0": "60"}
    page = client.post(url, asked | {"try": "1"}).content.decode()
    assert "Gap to the bound" in page
    assert not Package.objects.exists()
    assert client.post(url, asked).status_code == 302
    assert Package.objects.get().loans in {29, 30}
    for changes, words in (
        ({"amount": "x"}, "whole number of loans"),
        ({"share_0": ""}, "largest share"),
        ({"amount": "5000"}, "out of reach"),
    ):
        answer = client.post(url, asked | changes | {"try": "1"})
        assert words in answer.content.decode()
    url = reverse("packages:split")
    page = client.post(url, FORM | {"parts": "2", "try": "1"}).content.decode()
    assert "Make 2 drafts" in page
    assert client.post(url, FORM | {"parts": "2"}).status_code == 302
    assert Package.objects.count() == 3
    assert client.post(url, FORM | {"parts": "99", "try": "1"}).status_code == 422

"""The lot's key: any two shares make it, one does not, and no other share does."""

from itertools import combinations, permutations

import pytest

from npa_market.auctions.lot_keys import BadShare, Holder, checked_share, joined, make_lot_key
from npa_market.auctions.offline import seal

KEY = make_lot_key()


@pytest.mark.parametrize("pair", list(permutations(Holder, 2)))
def test_S1_any_two_holders_in_any_order_open_the_lot(pair):
    private = joined([KEY.shares[holder] for holder in pair], KEY.public_key)
    assert seal.public_key_of(private).hex() == KEY.public_key


@pytest.mark.parametrize("holder", Holder)
def test_S1_one_holder_alone_opens_nothing(holder):
    with pytest.raises(BadShare, match="different holders"):
        joined([KEY.shares[holder]], KEY.public_key)
    with pytest.raises(BadShare, match="different holders"):
        joined([KEY.shares[holder]] * 2, KEY.public_key)


def test_a_share_is_taken_in_any_spacing_and_case_and_its_typing_errors_are_found():
    share = KEY.shares[Holder.NOTARY]
    words = share.split()
    assert checked_share(f"  {share.upper()}\n".replace(" ", "\n"), KEY.set_id) == share
    for one, other in combinations(range(4, len(words)), 2):
        if words[one] != words[other]:
            swapped = list(words)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            with pytest.raises(BadShare, match="no share"):
                checked_share(" ".join(swapped), KEY.set_id)


@pytest.mark.parametrize("text", ["", "academic", "no such words here", "academic " * 40])
def test_other_texts_are_no_share_and_are_not_quoted(text):
    with pytest.raises(BadShare) as refusal:
        checked_share(text, KEY.set_id)
    assert "academic" not in str(refusal.value)


def test_a_share_of_another_lot_is_named_as_such():
    other = make_lot_key()
    while other.set_id == KEY.set_id:
        other = make_lot_key()
    with pytest.raises(BadShare, match="another lot"):
        checked_share(other.shares[Holder.SELLER], KEY.set_id)
    with pytest.raises(BadShare):
        joined([KEY.shares[Holder.SELLER], other.shares[Holder.NOTARY]], KEY.public_key)


def test_shares_that_make_another_key_are_refused():
    other = make_lot_key()
    shares = [other.shares[Holder.SELLER], other.shares[Holder.NOTARY]]
    with pytest.raises(BadShare, match="do not make the key"):
        joined(shares, KEY.public_key)

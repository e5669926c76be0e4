"""The chart of accounts: which accounts there are, made when they are first booked on.

A positive amount is a debit, a negative one a credit. Client money (`BANK`) is kept apart from
the venue's own (`OWN_BANK`); what the venue owes to parties stands as a credit on the other side.
"""

from npa_market.ledger.models import Account, AccountKind
from npa_market.parties.models import Organisation

CLIENT_MONEY = frozenset(
    {AccountKind.BANK, AccountKind.DEPOSITS, AccountKind.CLEARING, AccountKind.PAYABLE}
)
_OF_A_PARTY = frozenset({AccountKind.DEPOSITS, AccountKind.CLEARING, AccountKind.PAYABLE})


def account(kind: AccountKind, currency: str, party: Organisation | None = None) -> Account:
    """The account of this kind, currency and party (None for the venue's own accounts).

    Raises ValueError where a party's account is asked for without one, or the reverse.
    """
    if (kind in _OF_A_PARTY) != (party is not None):
        raise ValueError(f"{kind} accounts {'need a' if kind in _OF_A_PARTY else 'have no'} party")
    found, _ = Account.objects.get_or_create(kind=kind, currency=currency, organisation=party)
    return found

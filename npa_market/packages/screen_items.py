"""The items of the pre-sale screen as data: order, words, and what may be disclosed instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One item. Hits are excluded; where `may_be_disclosed`, the seller may keep and state them."""

    code: str
    title: str
    may_be_disclosed: bool = False


# The order is the order of reasons: a loan is excluded once, for the first item that hits it.
ITEMS = (
    Item("deceased", "Borrower deceased"),
    Item("bankrupt", "Bankrupt or clearing personal debt"),
    Item("settled", "Paid or settled"),
    Item("fraud", "Fraud or identity theft"),
    Item("disputed", "Open dispute or complaint", may_be_disclosed=True),
    Item("sold", "Already sold"),
    Item("sold_other_borrower", "Number of a sold loan, with another borrower"),
    Item("sold_renumbered", "Already sold under another number"),
    Item("in_live_package", "Already in another live package"),
    Item("in_live_other_borrower", "Number in another live package, with another borrower"),
    Item("in_live_renumbered", "In another live package under another number"),
    Item("duplicate", "Same loan on several tapes, older copy"),
    Item("duplicate_other_borrower", "Number on several tapes, older copy, with another borrower"),
    Item("look_alike", "Possible duplicate under another number", may_be_disclosed=True),
    Item("minor", "Borrower under age"),
    Item("parts_wrong", "Parts of the balance do not add up"),
    Item("other_currency", "Not in the package's currency"),
    Item("time_barred", "Time-barred", may_be_disclosed=True),
    Item("limitation_near", "Time-barred within 6 months", may_be_disclosed=True),
)
NOT_SCREENED = "not on the tape"  # the treatment of the next ones
# Items that no field of a tape answers: shown as open, never as passed.
NOT_ON_TAPE = (
    Item("payment_plan", "Active payment plan"),
    Item("counterclaim", "Counterclaim"),
    Item("secured", "Secured"),
)
DISCLOSABLE = tuple(item.code for item in ITEMS if item.may_be_disclosed)

"""What the contract of a deal says: facts gathered, clauses in words, no layout."""

from dataclasses import dataclass

from npa_market.common.money import format_minor
from npa_market.packages.models import Package
from npa_market.parties.models import Organisation
from npa_market.transfers.models import Deal
from npa_market.transfers.price import Price
from npa_market.transfers.terms import PUTBACK_REASONS, DealTerms

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """Everything that the text of a contract depends on."""

    reference: str
    lot_reference: str
    title: str
    awarded_on: str
    currency: str
    seller: Pairs
    buyer: Pairs
    package: Pairs
    excluded: list[tuple[str, str, str]]
    money: Pairs
    clauses: list[tuple[str, list[str]]]
    putback_reasons: tuple[tuple[str, str, str], ...]


def contract_facts(deal: Deal) -> ContractFacts:
    """The facts of a deal as it stands."""
    package = deal.lot.package
    rows = deal.loan_prices.exclude(exclusion="").values_list("token", "exclusion", "price_minor")
    return ContractFacts(
        reference=deal.reference,
        lot_reference=deal.lot.reference,
        title=deal.lot.title,
        awarded_on=f"{deal.awarded_at:%d %B %Y}",
        currency=deal.currency,
        seller=_party(deal.seller),
        buyer=_party(deal.buyer),
        package=_package(package, deal),
        excluded=[(token, why, format_minor(price, deal.currency)) for token, why, price in rows],
        money=_money(deal, deal.price),
        clauses=clauses(deal.deal_terms, package.transfer_basis),
        putback_reasons=PUTBACK_REASONS,
    )


def _party(organisation: Organisation) -> Pairs:
    return [
        ("Name", organisation.name),
        ("Licence", organisation.licence_number or "as filed with the venue"),
        ("Country", organisation.country),
    ]


def _package(package: Package, deal: Deal) -> Pairs:
    return [
        ("Package", f"{package.reference}, version {package.version}"),
        ("Loans / borrowers", f"{package.loans:,} / {package.borrowers:,}"),
        ("Cut-off date", f"{package.cut_off_date:%d %B %Y}"),
        ("Principal", format_minor(package.principal_minor, package.currency)),
        ("Interest", format_minor(package.interest_minor, package.currency)),
        ("Other fees", format_minor(package.fees_minor, package.currency)),
        ("Total claim", format_minor(package.claim_minor, package.currency)),
        ("SHA-256 of the loan list", package.content_sha256),
        ("Merkle root of the loans", package.merkle_root),
        ("Price per loan follows", f"the {deal.allocation_basis} of each loan"),
    ]


def _money(deal: Deal, price: Price) -> Pairs:
    lot, terms = deal.lot, deal.deal_terms
    amounts = [
        ("Hammer price", deal.hammer_minor),
        ("Less loans excluded before this contract", -deal.excluded_minor),
        ("Adjusted price", price.adjusted_minor),
        ("Receipts since the cut-off date, known at the award", -deal.receipts_minor),
        (
            f"Agreed cost of these receipts, {_percent(terms.receipts_cost_per_100k)}",
            price.receipts_cost_minor,
        ),
        ("Receipts above the price, paid by the seller directly", price.receipts_direct_minor),
        ("Less deposit", -deal.deposit_minor),
        ("Balance due from the buyer", price.balance_minor),
        (f"Platform fee, {_percent(lot.fee_per_100k)}, borne by the seller", price.fee_minor),
        (f"Tax on the fee, {_percent(lot.tax_per_100k)}, borne by the seller", price.tax_minor),
    ]
    return [
        (label, format_minor(amount, deal.currency))
        for label, amount in amounts
        if amount or "above the price" not in label
    ]


def _percent(per_100k: int) -> str:
    return f"{per_100k / 1000:g} %"


def clauses(terms: DealTerms, transfer_basis: str) -> list[tuple[str, list[str]]]:
    """Heading and paragraphs of each clause; numbers come from the deal's terms."""
    return [
        *_clauses_of_the_sale(terms, transfer_basis),
        *_clauses_of_delivery(terms),
        *_clauses_after_delivery(terms),
        *_clauses_of_conduct(terms),
    ]


def _clauses_of_the_sale(terms: DealTerms, transfer_basis: str) -> list[tuple[str, list[str]]]:
    return [
        (
            "Sale",
            [
                "The seller sells and the buyer buys the loans of the list with the hash above,"
                " less the loans excluded in this contract, with all rights that go with them.",
                f"Legal basis of the transfer as stated by the seller: {transfer_basis}.",
            ],
        ),
        (
            "Price and payment",
            [
                "The price is allocated to the loans to the smallest unit of the currency; the"
                " allocation is kept by the venue and open to both parties.",
                f"The buyer pays the balance to the venue's client account within"
                f" {terms.payment_working_days} working days after the second signature, with the"
                " reference of this contract. The deposit becomes part of the price. If the"
                " balance is late, the venue reminds; after that the deal may be cancelled and the"
                " deposit forfeited to the seller.",
                "Title to every loan moves to the buyer at the moment in which the venue records"
                " the full price; before that no file with personal data exists for the buyer.",
            ],
        ),
        (
            "Receipts in the transition periods",
            [
                "Receipts between the cut-off date and this contract belong to the buyer, less"
                f" the agreed cost of {_percent(terms.receipts_cost_per_100k)}; they reduce the"
                " balance due. Receipts after this contract are passed on in full with the"
                " settlement of the period in which they come in, accounted apart.",
            ],
        ),
    ]


def _clauses_of_delivery(terms: DealTerms) -> list[tuple[str, list[str]]]:
    return [
        (
            "Delivery",
            [
                f"Within {terms.delivery_working_days} working days after payment two people of"
                " the seller release the loan file, encrypted to the buyer's key. It may be taken"
                f" {terms.download_limit} times within {terms.download_days} days. The buyer"
                " receipts it by the hash of its content.",
                f"Beyond the promised files, {terms.free_document_requests} requests for documents"
                f" are free; each is answered within {terms.document_answer_working_days} working"
                " days.",
            ],
        ),
    ]


def _clauses_after_delivery(terms: DealTerms) -> list[tuple[str, list[str]]]:
    return [
        (
            "Warranties",
            [
                "At the cut-off date the seller owned each loan, free of rights of others; the"
                " balances are right; no loan was on the list of the pre-sale screen (deceased,"
                " bankrupt, paid or settled, fraud, open dispute, undisclosed lawsuit or"
                " limitation, duplicate, sold before).",
            ],
        ),
        (
            "Putback",
            [
                f"Within {terms.putback_days} days from delivery the buyer may return a loan, once,"
                " for a reason listed in the annex, with the proof named there. The seller answers"
                f" within {terms.putback_answer_working_days} working days. The refund is the"
                " allocated price of the loan less what the buyer received on it, not below zero;"
                f" refunds together do not exceed {_percent(terms.putback_cap_per_100k)} of the"
                f" price. The tolerance of BALANCE is {_percent(terms.balance_tolerance_per_100k)}."
                " Data of a returned loan are destroyed, with a statement, before the refund.",
            ],
        ),
        (
            "Notice to the debtors",
            [
                f"The buyer notifies each debtor of the transfer within {terms.notice_days} days"
                " from delivery, in the text agreed with the seller, and keeps channel, date and"
                " proof. Without notice the transfer has no effect on the debtor.",
                "The seller forwards later letters, payments and rulings within"
                f" {terms.forwarding_working_days} working days.",
            ],
        ),
    ]


def _clauses_of_conduct(terms: DealTerms) -> list[tuple[str, list[str]]]:
    return [
        (
            "Conduct and data",
            [
                "The buyer does not sell the loans on over the venue. Its collectors follow the"
                " contact rules that bind the seller; complaints are reported within"
                f" {terms.complaint_working_days} working days; the seller may audit this.",
                "Personal data are used to collect these loans alone, kept encrypted, and"
                " destroyed on putback or at the end of the purpose, with a certificate. Each"
                " party reports to credit bureaus as the law obliges it.",
                "The seller helps in court with an affidavit and the evidence file of the venue.",
            ],
        ),
        (
            "Liability and law",
            [
                "Liability for slight negligence is limited to"
                f" {_percent(terms.liability_cap_per_100k)} of the price. This contract is governed"
                f" by {terms.law}.",
                f"Deal terms of the venue, edition {terms.edition}. Each side signs the SHA-256 of"
                " this document on the venue; the record of both signatures is part of the log.",
            ],
        ),
    ]

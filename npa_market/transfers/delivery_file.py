"""The file that is handed over: every field of every sold loan, encrypted to the buyer's key.

Inside is a ZIP of CSV files with fixed dates, so the same deal gives the same bytes before
encryption; values stand as the seller filed them, for programs load the file. Nothing of it is
written to disk in the clear beyond the spool of this process.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast
from uuid import UUID

from npa_market.common.errors import Refused
from npa_market.common.exports import csv_lines_verbatim
from npa_market.common.files import store_file
from npa_market.common.models import StoredFile
from npa_market.common.money import to_decimal
from npa_market.packages.proofs import LEAVES, MANIFEST, ROWS, proofs_of
from npa_market.tapes.models import Loan, Receipt
from npa_market.tapes.queries import personal_rows
from npa_market.transfers.models import Deal, LoanPrice, PackageKey
from npa_market.transfers.package_keys import IN_MEMORY, new_package_key

Progress = Callable[[int, int], None]
BATCH = 2_000
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
MONEY = (
    "principal_minor", "interest_minor", "fees_minor", "claim_minor", "original_amount_minor",
    "credit_line_minor", "received_minor", "collection_cost_minor",
)  # fmt: skip
PLAIN = (
    "product", "currency", "annual_rate_bp", "term_months", "instalments_paid",
    "origination_date", "default_date", "charge_off_date", "last_payment_date", "days_overdue",
    "grade", "province", "city", "litigation_status", "is_reachable", "last_contact_date",
    "prior_placements",
)  # fmt: skip
LOAN_HEADER = (
    "loan_token", "loan_number", "borrower", "name", "id_number", "mobile", "price",
    *(name.removesuffix("_minor") for name in MONEY), *PLAIN,
)  # fmt: skip
RECEIPT_HEADER = ("loan_token", "month", "gross", "cost")


@dataclass(frozen=True, slots=True)
class SealedDelivery:
    """The file as it is kept, the key that opens it, and the hashes of its content and of what the
    buyer takes.
    """

    file: StoredFile
    key: PackageKey
    plain_sha256: str
    taken_sha256: str


def seal_delivery(deal: Deal, progress: Progress | None = None) -> SealedDelivery:
    """Write, encrypt and keep the file of a deal. For the release alone, after its checks.

    Under a key of its own; that of an earlier file of the package must be erased before. Raises
    Refused `no_delivery_key` or `delivery_key_unreadable`.
    """
    import pyrage

    recipient = buyer_recipient(deal)
    key, outer = new_package_key(deal.lot.package)
    with (
        SpooledTemporaryFile(max_size=IN_MEMORY) as plain,
        SpooledTemporaryFile(max_size=IN_MEMORY) as sealed,
        SpooledTemporaryFile(max_size=IN_MEMORY) as wrapped,
    ):
        _write_zip(cast(IO[bytes], plain), deal, progress)
        plain.seek(0)
        digest = hashlib.file_digest(plain, "sha256").hexdigest()
        plain.seek(0)
        pyrage.encrypt_io(plain, sealed, [recipient])
        sealed.seek(0)
        taken = hashlib.file_digest(sealed, "sha256").hexdigest()
        sealed.seek(0)
        pyrage.encrypt_io(sealed, wrapped, [outer])
        wrapped.seek(0)
        stored = store_file(wrapped)
    return SealedDelivery(stored, key, digest, taken)


def buyer_recipient(deal: Deal) -> Any:
    """The age recipient of the buyer, or a refusal that says what to do."""
    import pyrage

    if not deal.buyer.delivery_public_key:
        raise Refused(
            "no_delivery_key",
            f"{deal.buyer} has no delivery key yet. Its people enter an age public key on the page"
            " of their institution; then the file can be released.",
        )
    try:
        return pyrage.x25519.Recipient.from_str(deal.buyer.delivery_public_key)
    except pyrage.RecipientError as error:
        raise Refused(
            "delivery_key_unreadable",
            f"The delivery key of {deal.buyer} is no age public key; its people enter it again.",
        ) from error


def _write_zip(target: IO[bytes], deal: Deal, progress: Progress | None) -> None:
    sold = _sold(deal)
    loans, receipts = _loan_rows(deal, sold, progress), _receipt_rows(deal, sold)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _member(archive, "loans.csv", csv_lines_verbatim(LOAN_HEADER, loans))
        _member(archive, "receipts.csv", csv_lines_verbatim(RECEIPT_HEADER, receipts))
        proofs = proofs_of(deal.lot.package, (row.token for row in sold.values()))
        if proofs is not None:
            _member(archive, ROWS, (f"{line.decode()}\n" for line in proofs.lines))
            _member(archive, LEAVES, (f"{leaf}\n" for leaf in proofs.leaves))
            _member(archive, MANIFEST, [proofs.manifest.decode()])


def _member(archive: zipfile.ZipFile, name: str, lines: Iterable[str]) -> None:
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as member:
        for line in lines:
            member.write(line.encode())


Sold = dict[UUID, LoanPrice]


def _sold(deal: Deal) -> Sold:
    rows = LoanPrice.objects.filter(deal=deal, exclusion="")
    return {row.loan_id: row for row in rows.iterator()}


def _loan_rows(deal: Deal, prices: Sold, progress: Progress | None) -> Iterator[list[Any]]:
    keys = sorted(prices)
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        loans = Loan.objects.in_bulk(batch)
        for row in personal_rows(batch):
            loan, price = loans[row.loan_id], prices[row.loan_id]
            amounts = [getattr(loan, name) for name in MONEY]
            yield [
                price.token,
                row.loan_number,
                str(row.borrower_id),
                row.person.name,
                row.person.id_number,
                row.person.mobile,
                to_decimal(price.price_minor, deal.currency),
                *("" if each is None else to_decimal(each, deal.currency) for each in amounts),
                *("" if (value := getattr(loan, name)) is None else value for name in PLAIN),
            ]
        if progress is not None:
            progress(min(start + BATCH, len(keys)), len(keys))


def _receipt_rows(deal: Deal, sold: Sold) -> Iterator[list[Any]]:
    rows = Receipt.objects.filter(
        loan__in=LoanPrice.objects.filter(deal=deal, exclusion="").values("loan")
    ).order_by("loan_id", "month")
    for receipt in rows.iterator():
        yield [
            sold[receipt.loan_id].token,
            receipt.month or "",
            to_decimal(receipt.gross_minor, deal.currency),
            to_decimal(receipt.cost_minor, deal.currency),
        ]

"""Files of a statement. The same statement gives the same bytes, whenever it is exported (L10)."""

import io
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from npa_market.common.exports import csv_bytes
from npa_market.common.money import minor_digits, to_decimal
from npa_market.ledger.queries import JOURNAL_HEADER, journal_rows
from npa_market.settlement.lines import Sign, statement_lines
from npa_market.settlement.models import Statement
from npa_market.transfers.models import Deal

ROWS_PER_SHEET = 1_000_000  # Excel ends at 1,048,576 rows.


def journal_table(deal: Deal, up_to_seq: int) -> Iterator[list[Any]]:
    """The books of a deal up to an entry, as rows under JOURNAL_HEADER; amounts in major units.

    Only entries that touch one of the two parties: the deposits of other bidders are not in it.
    """
    parties = (deal.seller_id, deal.buyer_id)
    for row in journal_rows(lot_id=deal.lot_id, up_to_seq=up_to_seq, parties=parties):
        debit, credit = (
            to_decimal(amount, row.currency) if amount else ""
            for amount in (row.debit_minor, row.credit_minor)
        )
        yield [
            row.booked_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            row.entry,
            row.kind,
            row.account,
            row.party,
            debit,
            credit,
            row.currency,
            deal.lot.reference,
            "",
            row.text,
        ]


def journal_file(deal: Deal, up_to_seq: int) -> bytes:
    """The journal of a deal as CSV."""
    return csv_bytes(JOURNAL_HEADER, journal_table(deal, up_to_seq))


def workbook_file(statement: Statement) -> bytes:
    """Statement, journal, payments, allocation and checks as an Excel workbook."""
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False},
    )
    # The dates inside the file are those of the statement, so that its bytes do not change.
    created = statement.created_at.replace(tzinfo=None)
    book.set_properties(
        {"title": f"Settlement statement {statement.reference}", "created": created}
    )
    sheets = _Sheets(book, statement.currency)
    deal = statement.deal
    sheets.add("Statement", ("line", "sign", "amount"), _statement_table(statement), money=(2,))
    sheets.add("Journal", JOURNAL_HEADER, journal_table(deal, statement.ledger_seq), money=(5, 6))
    sheets.add(
        "Payments", ("recorded", "bank line", "entry", "amount"), _payments(deal), money=(3,)
    )
    sheets.add("Allocation", ("loan token", "price", "excluded"), _allocation(deal), money=(1,))
    sheets.add("Checks", ("what", "value"), _checks(statement))
    book.close()
    return target.getvalue()


class _Sheets:
    """Writes tables, more than one sheet where a table is longer than a sheet may be."""

    def __init__(self, book: Any, currency: str) -> None:
        self.book = book
        places = minor_digits(currency)
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.money = book.add_format(
            {"num_format": "#,##0" + ("." + "0" * places if places else "")}
        )

    def add(
        self, name: str, header: Sequence[str], rows: Iterator[list[Any]], money: Sequence[int] = ()
    ) -> None:
        """One table; `money` names the columns that hold amounts."""
        part = 1
        while (first := next(rows, None)) is not None or part == 1:
            sheet = self.book.add_worksheet(name if part == 1 else f"{name} {part}")
            sheet.set_column(0, len(header) - 1, 22)
            sheet.freeze_panes(1, 0)
            sheet.write_row(0, 0, header, self.head)
            begun = [] if first is None else [first]
            for number, row in enumerate(islice(chain(begun, rows), ROWS_PER_SHEET), start=1):
                for column, value in enumerate(row):
                    sheet.write(number, column, value, self.money if column in money else None)
            if first is None:
                return
            part += 1


def _statement_table(statement: Statement) -> Iterator[list[Any]]:
    deal = statement.deal
    excluded = deal.loan_prices.exclude(exclusion="").count()
    for line in statement_lines(deal.money_terms, excluded).lines:
        sign = "" if line.sign == Sign.NOTE else line.sign.value
        yield [line.label, sign, to_decimal(line.amount_minor, statement.currency)]


def _payments(deal: Deal) -> Iterator[list[Any]]:
    for payment in deal.payments.select_related("entry"):
        yield [
            payment.recorded_at.isoformat(timespec="seconds"),
            payment.bank_reference,
            payment.entry.reference,
            to_decimal(payment.amount_minor, deal.currency),
        ]


def _allocation(deal: Deal) -> Iterator[list[Any]]:
    rows = deal.loan_prices.order_by("token").values_list("token", "price_minor", "exclusion")
    for token, price_minor, exclusion in rows.iterator():
        yield [token, to_decimal(price_minor, deal.currency), exclusion]


def _checks(statement: Statement) -> Iterator[list[Any]]:
    deal = statement.deal
    package = deal.lot.package
    yield ["statement", statement.reference]
    yield ["deal", deal.reference]
    yield ["lot", deal.lot.reference]
    yield ["seller", deal.seller.name]
    yield ["buyer", deal.buyer.name]
    yield ["currency", statement.currency]
    yield ["package", f"{package.reference} version {package.version}"]
    yield ["package SHA-256", package.content_sha256]
    yield ["Merkle root", package.merkle_root]
    yield ["contract SHA-256", deal.contract_file_id or ""]
    yield ["last entry of the books", statement.ledger_seq]

"""Columns out of the database hold what its rows hold, on both engines."""

import pyarrow as pa
import pytest

from npa_market.common.columnar import read_columns
from npa_market.packages.loading import loans_table, receipts_table
from npa_market.tapes.models import Loan, Receipt
from tests.builders import loans_on_tape

ODD = (
    'a "quoted" word',
    "two\nlines",
    "comma, semicolon; tab\t",
    "",
    "借款 🙂",
    "\\N",
    "'",
    "null",
)
SCHEMA = pa.schema(
    [
        pa.field("id", pa.binary(16), nullable=False),
        pa.field("city", pa.string(), nullable=False),
        pa.field("is_reachable", pa.bool_()),
        pa.field("charge_off_date", pa.date32()),
        pa.field("annual_rate_bp", pa.int32()),
        pa.field("claim_minor", pa.int64(), nullable=False),
    ]
)


@pytest.fixture
def tape(seller, seller_user):
    tape = loans_on_tape(seller, seller_user, len(ODD))
    for number, (loan, text) in enumerate(zip(Loan.objects.order_by("pk"), ODD, strict=True)):
        empty = number % 3 == 0
        Loan.objects.filter(pk=loan.pk).update(
            city=text,
            is_reachable=None if empty else number % 3 == 1,
            charge_off_date=None if empty else loan.charge_off_date,
            annual_rate_bp=None if empty else 1800 + number,
        )
    return tape


def as_rows(table, fields):
    return [
        tuple(row[name].hex() if name in ("id", "loan_id") else row[name] for name in fields)
        for row in table.to_pylist()
    ]


@pytest.mark.django_db
def test_every_kind_of_value_and_every_odd_text_comes_as_it_is_stored(tape):
    rows = Loan.objects.order_by("pk")
    stored = [(key.hex, *rest) for key, *rest in rows.values_list(*SCHEMA.names)]
    assert as_rows(read_columns(rows, SCHEMA), SCHEMA.names) == stored
    assert [row["city"] for row in loans_table(rows).to_pylist()] == list(ODD)


@pytest.mark.django_db
def test_receipts_come_with_and_without_a_month(tape):
    one = Receipt.objects.first()
    Receipt.objects.filter(pk=one.pk).update(month=None)
    fields = ("loan_id", "month", "gross_minor", "cost_minor")
    stored = {(key.hex, *rest) for key, *rest in Receipt.objects.values_list(*fields)}
    found = as_rows(receipts_table(Loan.objects.all()), fields)
    assert (set(found), len(found)) == (stored, Receipt.objects.count())


@pytest.mark.django_db
def test_no_rows_are_empty_columns(tape):
    for rows in (Loan.objects.none(), Loan.objects.filter(loan_number="nobody's")):
        assert read_columns(rows, SCHEMA).num_rows == 0
        assert receipts_table(rows).num_rows == 0

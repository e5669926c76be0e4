"""Chosen loans out of the database as Arrow tables, column by column, in bounded steps."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.db import connection
from django.db.models import QuerySet

from npa_market.common.columnar import read_columns
from npa_market.tapes.models import Loan, Receipt

STEP = 20_000
KEY = pa.binary(16)
_LOAN_COLUMNS: dict[str, pa.DataType] = {
    "id": KEY,
    "borrower_id": KEY,
    "tape_id": KEY,
    "loan_number": pa.string(),
    "product": pa.string(),
    "currency": pa.string(),
    "principal_minor": pa.int64(),
    "interest_minor": pa.int64(),
    "fees_minor": pa.int64(),
    "claim_minor": pa.int64(),
    "original_amount_minor": pa.int64(),
    "credit_line_minor": pa.int64(),
    "annual_rate_bp": pa.int32(),
    "term_months": pa.int16(),
    "instalments_paid": pa.int16(),
    "origination_date": pa.date32(),
    "default_date": pa.date32(),
    "charge_off_date": pa.date32(),
    "last_payment_date": pa.date32(),
    "days_overdue": pa.int32(),
    "grade": pa.string(),
    "province": pa.string(),
    "city": pa.string(),
    "litigation_status": pa.string(),
    "is_reachable": pa.bool_(),
    "last_contact_date": pa.date32(),
    "prior_placements": pa.int16(),
    "status": pa.string(),
    "received_minor": pa.int64(),
    "collection_cost_minor": pa.int64(),
    "borrower__sex": pa.string(),
    "borrower__birth_year": pa.int16(),
}
_RECEIPT_COLUMNS: dict[str, pa.DataType] = {
    "loan_id": KEY,
    "month": pa.date32(),
    "gross_minor": pa.int64(),
    "cost_minor": pa.int64(),
}
_NULLABLE = frozenset(
    {
        "original_amount_minor",
        "credit_line_minor",
        "annual_rate_bp",
        "term_months",
        "instalments_paid",
        "origination_date",
        "default_date",
        "charge_off_date",
        "last_payment_date",
        "days_overdue",
        "is_reachable",
        "last_contact_date",
        "borrower__birth_year",
        "month",
    }
)


def _schema(columns: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=name in _NULLABLE) for name, kind in columns.items()]
    )


LOANS_SCHEMA = _schema(_LOAN_COLUMNS)
_RECEIPTS_SCHEMA = _schema(_RECEIPT_COLUMNS)
NO_RECEIPTS = _RECEIPTS_SCHEMA.empty_table()


def loans_table(loans: QuerySet[Loan]) -> pa.Table:
    """The loans in the order of their keys, with what the screen and the sealed file need."""
    return pa.Table.from_batches(loan_batches(loans), schema=LOANS_SCHEMA)


def loan_batches(loans: QuerySet[Loan]) -> Iterator[pa.RecordBatch]:
    """The same some thousand rows at a time, for any number of loans in bounded memory."""
    if connection.vendor != "postgresql":  # SQLite would sort all the rest for each step.
        yield from _batches(loans.order_by("pk"))
        return
    rest = loans.order_by("pk")
    while True:
        batch = read_columns(rest[:STEP], LOANS_SCHEMA)
        if batch.num_rows:
            yield batch
        if batch.num_rows < STEP:
            return
        rest = loans.order_by("pk").filter(pk__gt=UUID(bytes=batch.column("id")[-1].as_py()))


def receipts_table(loans: QuerySet[Loan]) -> pa.Table:
    """All receipts of the loans, in no order."""
    receipts = Receipt.objects.filter(loan__in=loans.order_by().values("pk")).order_by()
    return pa.Table.from_batches([read_columns(receipts, _RECEIPTS_SCHEMA)])


def _batches(loans: QuerySet[Any]) -> Iterator[pa.RecordBatch]:
    """One pass; rows as the driver gives them: converting value by value costs half of it."""
    statement, parameters = loans.values_list(*LOANS_SCHEMA.names).query.sql_with_params()
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while step := cursor.fetchmany(STEP):
            columns = zip(zip(*step, strict=True), LOANS_SCHEMA, strict=True)
            yield pa.record_batch(
                [_array(values, field.type) for values, field in columns], schema=LOANS_SCHEMA
            )


def _array(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """SQLite keeps keys as hex."""
    return pa.array([bytes.fromhex(key) for key in values] if kind == KEY else values, kind)

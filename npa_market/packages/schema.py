"""Columns of the sealed file, in order. Everything downstream reads these and nothing else."""

import pyarrow as pa

UNSALTED_VERSION = "npa-sealed-package/1"
SCHEMA_VERSION = "npa-sealed-package/2"
RECEIPT = pa.struct(
    [
        pa.field("month", pa.date32(), nullable=True),
        pa.field("gross_minor", pa.int64(), nullable=False),
        pa.field("cost_minor", pa.int64(), nullable=False),
    ]
)


def _given(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


SEALED_SCHEMA = pa.schema(
    [
        _given("loan_token", pa.string()),
        _given("borrower_token", pa.string()),
        _given("product", pa.string()),
        _given("currency", pa.string()),
        _given("principal_minor", pa.int64()),
        _given("interest_minor", pa.int64()),
        _given("fees_minor", pa.int64()),
        _given("claim_minor", pa.int64()),
        pa.field("original_amount_minor", pa.int64()),
        pa.field("credit_line_minor", pa.int64()),
        pa.field("annual_rate_bp", pa.int32()),
        pa.field("term_months", pa.int16()),
        pa.field("instalments_paid", pa.int16()),
        pa.field("origination_date", pa.date32()),
        pa.field("default_date", pa.date32()),
        pa.field("charge_off_date", pa.date32()),
        pa.field("last_payment_date", pa.date32()),
        pa.field("days_overdue", pa.int32()),
        pa.field("age_months", pa.int32()),
        pa.field("months_since_payment", pa.int32()),
        _given("grade", pa.string()),
        _given("province", pa.string()),
        _given("city_tier", pa.string()),
        _given("sex", pa.string()),
        _given("age_band", pa.string()),
        _given("litigation_status", pa.string()),
        pa.field("is_reachable", pa.bool_()),
        pa.field("last_contact_month", pa.date32()),
        _given("prior_placements", pa.int16()),
        _given("status", pa.string()),
        _given("received_minor", pa.int64()),
        _given("collection_cost_minor", pa.int64()),
        _given("receipts", pa.list_(pa.field("item", RECEIPT, nullable=False))),
    ]
)
COLUMNS = tuple(SEALED_SCHEMA.names)
# 128 secret bits in the line that a leaf is made of: who holds the bidder's form of a row cannot
# find the rest by trying. In the file and with the sold rows, in no other copy.
SALT = "leaf_salt"
FILE_SCHEMA = SEALED_SCHEMA.append(_given(SALT, pa.string()))
FILE_SCHEMAS = {UNSALTED_VERSION: SEALED_SCHEMA, SCHEMA_VERSION: FILE_SCHEMA}
MAX_EXACT = 2**53 - 1  # RFC 8785 writes numbers as IEEE 754 doubles: integers are exact up to here.
MONEY_COLUMNS = ("principal_minor", "interest_minor", "fees_minor", "claim_minor")

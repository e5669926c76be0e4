"""Valid rows of a chunk as columns of the tables: borrowers sealed, loans, receipts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.common.keys import Keys, key_texts, new_keys
from npa_market.tapes.loading import Columns
from npa_market.tapes.models import LoanStatus, Tape
from npa_market.tapes.same_debt import Debts, Hashes, payout_hashes
from npa_market.tapes.validation import Checked
from npa_market.tapes.vault import BORROWER_PLACES, Vault, blind_indexes, index_key

LOAN_COLUMNS = (
    "product",
    "principal_minor",
    "interest_minor",
    "fees_minor",
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
    "grade",
    "province",
    "city",
    "litigation_status",
    "is_reachable",
    "last_contact_date",
    "prior_placements",
    "status",
    "received_minor",
    "collection_cost_minor",
)
_DEFAULTS: dict[str, Any] = {
    "interest_minor": 0,
    "fees_minor": 0,
    "prior_placements": 0,
    "received_minor": 0,
    "collection_cost_minor": 0,
}
_CODE_DEFAULTS = {"litigation_status": "not_sued", "status": str(LoanStatus.LIVE)}
PAYOUT = ("origination_date", "original_amount_minor")
RowIndexes = npt.NDArray[np.int64]


def borrower_indexes(
    chunk: Checked, rows: RowIndexes, seller_id: UUID, key: bytes
) -> npt.NDArray[np.object_]:
    """Blind index per row: of the ID number, else of the seller's own customer number."""
    has_number = chunk["id_number"].is_filled[rows]
    found = np.empty(len(rows), dtype=object)
    for name, of, scope in (
        ("id_number", has_number, "cn-id"),
        ("borrower_key", ~has_number, f"seller:{seller_id}"),
    ):
        values = chunk[name].values.to_numpy()[rows[of]]
        found[of] = blind_indexes(values.tolist(), scope=scope, key=key)
    return found


def stated_payouts(chunk: Checked, rows: RowIndexes) -> tuple[RowIndexes, Hashes]:
    """Those of the rows that give day and amount of the payout, and the hashes of the two."""
    is_stated = chunk["origination_date"].is_filled & chunk["original_amount_minor"].is_filled
    stated = rows[is_stated[rows]]
    days, amounts = (_column(name, chunk, stated) for name in PAYOUT)
    return stated, payout_hashes(days, amounts)


def debts_of_rows(
    chunk: Checked, rows: RowIndexes, indexes: npt.NDArray[np.object_] | list[str]
) -> Debts:
    """The rows as debts. indexes: blind index of each row's borrower."""
    return Debts(
        _column("loan_number", chunk, rows),
        pa.array(indexes, pa.string()),
        _column("origination_date", chunk, rows),
        _column("original_amount_minor", chunk, rows),
        _column("product", chunk, rows),
    )


def debts_by_any_index(
    chunk: Checked, rows: RowIndexes, indexes: npt.NDArray[np.object_], seller_id: UUID
) -> tuple[RowIndexes, Debts]:
    """The row of each debt, and the debts: a row with both an ID and a customer number is two."""
    is_both = chunk["id_number"].is_filled[rows] & chunk["borrower_key"].is_filled[rows]
    customers = blind_indexes(
        chunk["borrower_key"].values.to_numpy()[rows[is_both]].tolist(),
        scope=f"seller:{seller_id}",
        key=index_key(),
    )
    owners = np.concatenate([rows, rows[is_both]])
    return owners, debts_of_rows(chunk, owners, [*indexes.tolist(), *customers])


def borrower_columns(
    chunk: Checked,
    rows: RowIndexes,
    indexes: Sequence[str],
    keys: Keys,
    *,
    seller_id: UUID,
    vault: Vault,
) -> Columns:
    """New borrowers, one per row; sex and year of birth come from the ID number where there is one.

    indexes, keys: blind index and key of each row's borrower.
    """
    pks = key_texts(keys)
    plain_pks = pks.to_pylist()
    columns = {
        "id": pks,
        "seller": pa.repeat(pa.scalar(seller_id.hex), len(rows)),
        "blind_index": pa.array(indexes, type=pa.string()),
    }
    for name, label in BORROWER_PLACES.items():
        values = chunk[name].values.to_numpy()[rows].tolist()
        columns[f"{name}_sealed"] = pa.array(
            vault.seal_column(values, label, plain_pks), type=pa.string()
        )
    told = chunk.ids.sex[rows]
    sex = np.where(told == "", chunk["sex"].values.to_numpy()[rows], told)
    births = chunk.ids.birth[rows]
    years = pa.array(births.astype("datetime64[Y]").astype(np.int64) + 1970, mask=np.isnat(births))
    stated = pa.Array.from_pandas(chunk["birth_year"].values.iloc[rows])
    columns["sex"] = pa.array(sex, type=pa.string())
    columns["birth_year"] = pc.coalesce(years, stated.cast(pa.int64()))
    return columns


def _column(name: str, chunk: Checked, rows: RowIndexes) -> pa.Array:
    """A field of some rows, with what a missing cell means."""
    values = chunk[name].values
    if values.dtype.kind == "M":
        return pa.array(values.to_numpy()[rows].astype("datetime64[D]"), type=pa.date32())
    if values.dtype == "Int64":
        numbers = pa.Array.from_pandas(values.iloc[rows]).cast(pa.int64())
        return pc.fill_null(numbers, _DEFAULTS[name]) if name in _DEFAULTS else numbers
    texts = pa.array(values.to_numpy()[rows], type=pa.string())
    if name == "is_reachable":
        return pc.if_else(pc.equal(texts, ""), None, pc.equal(texts, "yes"))
    if name in _CODE_DEFAULTS:
        return pc.if_else(pc.equal(texts, ""), _CODE_DEFAULTS[name], texts)
    return texts


@dataclass(frozen=True)
class Months:
    """Receipts of some rows, (receipts,): `owner` is a position among the rows."""

    owner: RowIndexes
    month: pa.Array
    gross: npt.NDArray[np.int64]
    cost: npt.NDArray[np.int64]

    def sums(self, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Gross and cost per row, (rows,)."""
        gross, cost = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        np.add.at(gross, self.owner, self.gross)
        np.add.at(cost, self.owner, self.cost)
        return gross, cost


def _months(chunk: Checked, rows: RowIndexes) -> Months:
    """Monthly receipts, or the stated total of a row as one receipt without a month."""
    is_listed = chunk["receipts"].is_filled[rows]
    listed, lists = np.flatnonzero(is_listed), chunk["receipts"].values.to_numpy()[rows]
    owner = [at for at in listed.tolist() for _ in lists[at]]
    flat = [month for at in listed.tolist() for month in lists[at]]
    gross = _column("received_minor", chunk, rows).to_numpy()
    cost = _column("collection_cost_minor", chunk, rows).to_numpy()
    stated = np.flatnonzero(~is_listed & ((gross != 0) | (cost != 0)))
    months = [month for month, _, _ in flat]
    return Months(
        np.concatenate([np.array(owner, dtype=np.int64), stated]),
        pa.array(months + [None] * len(stated), type=pa.date32()),
        np.concatenate([np.array([gross for _, gross, _ in flat], dtype=np.int64), gross[stated]]),
        np.concatenate([np.array([cost for _, _, cost in flat], dtype=np.int64), cost[stated]]),
    )


def loan_columns(
    chunk: Checked, rows: RowIndexes, row_numbers: RowIndexes, borrowers: pa.Array, tape: Tape
) -> tuple[Columns, Columns]:
    """Loans of the rows and their receipts. `borrowers`: key per row, as `key_texts` gives it."""
    keys = key_texts(new_keys(len(rows)))
    columns = {
        "id": keys,
        "tape": pa.repeat(pa.scalar(tape.pk.hex), len(rows)),
        "borrower": borrowers,
        "row_number": pa.array(row_numbers[rows]),
        "loan_number": _column("loan_number", chunk, rows),
        "currency": pa.repeat(pa.scalar(tape.currency), len(rows)),
        "claim_minor": pa.Array.from_pandas(chunk.claim.iloc[rows]),
        **{name: _column(name, chunk, rows) for name in LOAN_COLUMNS},
    }
    months = _months(chunk, rows)
    gross, cost = months.sums(len(rows))
    columns["received_minor"] = pa.array(gross)
    columns["collection_cost_minor"] = pa.array(cost)
    receipts = {
        "loan": keys.take(pa.array(months.owner)),
        "month": months.month,
        "gross_minor": pa.array(months.gross),
        "cost_minor": pa.array(months.cost),
    }
    return columns, receipts

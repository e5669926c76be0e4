"""What a new version changes: loans left out, taken in, and stated otherwise. Pure, on frames."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from npa_market.packages.models import Package
    from npa_market.packages.screening import Screened
    from npa_market.packages.sealing import Named

KEY = ["loan_number", "borrower"]
# Columns of the sealed file whose change is counted, with their words.
COMPARED = {
    "claim_minor": "Claim",
    "principal_minor": "Principal",
    "status": "Status",
    "litigation_status": "Litigation status",
    "is_reachable": "Reachable",
    "last_payment_date": "Last payment",
    "received_minor": "Received after charge-off",
    "product": "Product",
    "province": "Province",
}
MONEY = ("claim_minor", "principal_minor")


def compare(before: "pd.DataFrame", after: "pd.DataFrame") -> dict[str, Any]:
    """Counts and sums as plain JSON. Frames: the columns of KEY (one row each) and of COMPARED.

    A loan is the same by the seller's number and the borrower, as tapes of two dates differ.
    """
    both = before.merge(after, on=KEY, how="outer", suffixes=("_0", "_1"), indicator=True)
    stays = both[both["_merge"] == "both"]
    changed = {name: _differs(stays[f"{name}_0"], stays[f"{name}_1"]) for name in COMPARED}
    any_changed = np.logical_or.reduce([mask.to_numpy() for mask in changed.values()])
    return {
        "before": _sums(before),
        "after": _sums(after),
        "out": _part(both, "left_only", 0),
        "taken_in": _part(both, "right_only", 1),
        "changed": {
            "loans": int(any_changed.sum()),
            **{
                name: int((stays[f"{name}_1"] - stays[f"{name}_0"]).sum()) if len(stays) else 0
                for name in MONEY
            },
        },
        "fields": [
            {"title": COMPARED[name], "loans": int(mask.sum())}
            for name, mask in changed.items()
            if len(stays) and mask.any()
        ],
    }


def _differs(old: "pd.Series[Any]", new: "pd.Series[Any]") -> "pd.Series[bool]":
    """Other than before; missing on both sides is the same."""
    return ((old != new).fillna(True) & ~(old.isna() & new.isna())).astype(bool)


def _sums(frame: "pd.DataFrame") -> dict[str, int]:
    return {"loans": len(frame), **{name: int(frame[name].sum()) for name in MONEY}}


def _part(both: "pd.DataFrame", side: str, number: int) -> dict[str, int]:
    rows = both[both["_merge"] == side]
    return {
        "loans": len(rows),
        **{name: int(rows[f"{name}_{number}"].fillna(0).sum()) for name in MONEY},
    }


def from_previous(
    package: "Package", screened: "Screened", sealed: "pa.Table", names: "Named"
) -> dict[str, Any]:
    """The comparison of rows about to be sealed with the version before; {} for a first version.

    sealed, names: results of `screening.Screened.sealed_rows` and `named`.
    """

    from npa_market.packages.frames import as_frame
    from npa_market.packages.sealed import read_table

    previous = package.previous
    if previous is None or not previous.content_sha256:
        return {}
    loans = screened.kept.select(["loan_number", "borrower_id"]).take(names.order).to_pandas()
    after = as_frame(sealed.select(list(COMPARED)))
    after["loan_number"] = loans["loan_number"].to_numpy()
    after["borrower"] = loans["borrower_id"].to_numpy()
    before = as_frame(read_table(previous, ["loan_token", *COMPARED]))
    members = {
        token: (number, borrower.bytes)
        for token, number, borrower in previous.members.values_list(
            "token", "loan__loan_number", "loan__borrower_id"
        ).iterator()
    }
    named = [members[token] for token in before["loan_token"]]
    before["loan_number"] = [number for number, _ in named]
    before["borrower"] = [borrower for _, borrower in named]
    return compare(before, after)

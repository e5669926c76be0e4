"""What was attached to the loans of a package when it was sealed: histories in counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from npa_market.packages.bidder_tables import SMALLEST_CELL
from npa_market.packages.choosing import tapes_of
from npa_market.packages.columnar import read_columns
from npa_market.packages.criteria import read_criteria
from npa_market.packages.history_rows import rows_per_loan
from npa_market.packages.models import Package
from npa_market.tapes.history_models import HistoryFile, HistoryState

Codes = npt.NDArray[np.int64]
ALL, MOST, SOME, FEW = "all", "most", "some", "few"


@dataclass(frozen=True)
class Members:
    """Loans of a package: keys, borrowers as codes, amounts in minor units, (loans,) each."""

    keys: pa.Array
    borrowers: Codes

    @classmethod
    def of(cls, loans: pa.Table) -> "Members":
        """loans: a table of `loading.loans_table`."""
        keys = loans.column("id").combine_chunks()
        codes = loans.column("borrower_id").combine_chunks().dictionary_encode().indices
        return cls(keys, codes.to_numpy().astype(np.int64))

    def places(self, keys: pa.Array) -> Codes:
        """Position of each loan, -1 for one that is not in the package."""
        found = pc.index_in(keys, value_set=self.keys).fill_null(-1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)

    def people(self, places: Codes) -> int:
        """Different borrowers of these loans."""
        return len(np.unique(self.borrowers[places]))


def attached_histories(package: Package, loans: pa.Table) -> dict[str, Any]:
    """Per kind of history that any of the loans has: how far it reaches.

    loans: those to be sealed, of `loading.loans_table`. Everybody who is admitted reads the result:
    counts stand in it only where neither the loans with a history nor those without are of fewer
    than five borrowers.
    """
    tapes = tapes_of(read_criteria(package.criteria), package)
    files = HistoryFile.objects.filter(tape__in=tapes, state=HistoryState.IMPORTED)
    kinds = sorted(set(files.order_by().values_list("kind", flat=True)))
    if not kinds:
        return {}
    members = Members.of(loans)
    found = {}
    for kind in kinds:
        rows, schema = rows_per_loan(kind, tapes)
        table = read_columns(rows, schema)
        places = members.places(table.column("loan_id"))
        inside = places >= 0
        if inside.any():
            count = int(table.column("rows").to_numpy()[inside].sum())
            found[kind] = coverage(members, places[inside], count)
    return found


def coverage(members: Members, places: Codes, rows: int) -> dict[str, Any]:
    """How many loans a history reaches; places: of those loans, each once."""
    has = np.zeros(len(members.keys), dtype=np.bool_)
    has[places] = True
    borrowers = members.people(np.flatnonzero(has))
    without = members.people(np.flatnonzero(~has))
    if without and borrowers < SMALLEST_CELL:
        return {"reach": FEW}
    if 0 < without < SMALLEST_CELL:
        return {"reach": MOST}
    reach = SOME if without else ALL
    return {"reach": reach, "rows": rows, "loans": int(has.sum()), "borrowers": borrowers}

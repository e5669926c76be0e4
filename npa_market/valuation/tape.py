"""The rows that a run may read: the sealed file for its seller, the bidder tape for a buyer.

The data room stands further along the corridor, so it registers its gate here: a buyer reads a
tape only where the room lets it, and the room keeps the log.
"""

from typing import TYPE_CHECKING, Protocol

from npa_market.packages.models import Package
from npa_market.packages.sealed import bidder_frame, read_sealed
from npa_market.parties.models import Organisation, User
from npa_market.valuation import door
from npa_market.valuation.models import TapeForm

if TYPE_CHECKING:
    import pandas as pd


class TapeGate(Protocol):
    """Signature of `diligence.services.open_tape_for_valuation`."""

    def __call__(self, *, user: User, buyer: Organisation, package: Package) -> None: ...


_gates: list[TapeGate] = []


def register_tape_gate(gate: TapeGate) -> None:
    """Called once by the data rooms; a second gate would be a second log."""
    if _gates and _gates != [gate]:
        raise RuntimeError("the gate to bidder tapes is registered already")
    _gates[:] = [gate]


def tape_form(package: Package, organisation: Organisation) -> TapeForm:
    """The seller's own people read the sealed file, everybody else the bidder tape."""
    return TapeForm.SEALED if organisation.pk == package.seller_id else TapeForm.BIDDER


def open_tape(*, user: User, organisation: Organisation, package: Package) -> TapeForm:
    """The form in which this person may have the package valued now.

    A buyer's access is checked by the data room and entered in its log. Raises what the gate
    raises; RuntimeError where no room is installed: no tape is read unlogged.
    """
    form = tape_form(package, organisation)
    if form == TapeForm.BIDDER:
        if not _gates:
            raise RuntimeError("no data room guards the bidder tapes")
        _gates[0](user=user, buyer=organisation, package=package)
    return form


def read_tape(package: Package, form: str) -> "pd.DataFrame":
    """Columns of `door.COLUMNS` in file order; OSError where the stored file was changed."""
    reader = bidder_frame if form == TapeForm.BIDDER else read_sealed
    return reader(package, door.COLUMNS)

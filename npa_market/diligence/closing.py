"""The end of a data room, by itself or with its package, and who goes on reading."""

from uuid import UUID

from django.db import transaction

from npa_market.common.clock import database_now
from npa_market.diligence.models import Admission, DataRoom
from npa_market.diligence.queries import readers_in_force
from npa_market.evidence.services import record
from npa_market.packages.models import Package
from npa_market.packages.services import grant_reader, revoke_reader
from npa_market.parties.models import User
from npa_market.parties.permissions import require


@transaction.atomic
def close_room(*, user: User, room_id: UUID) -> DataRoom:
    """End all downloads, reading of the package and new admissions, but for the winner of a deal.

    What was signed and logged stays. Again: no change.
    """
    rooms = DataRoom.objects.select_for_update(of=("self",)).select_related("package__seller")
    room = rooms.get(pk=room_id)
    require(user, "diligence.close_room", room)
    if room.closed_at is None:
        _close(room, user)
    return room


def _close(room: DataRoom, user: User) -> None:
    room.closed_at = database_now()
    room.save(update_fields=["closed_at"])
    _settle(room)
    record(
        type="data_room.closed",
        subject=room,
        actor=user,
        prev_state="open",
        payload={"package": room.package.reference, "package_state": room.package.state},
    )


def close_with_package(package: Package, user: User) -> None:
    """Close the data room of a package that this person withdraws or replaces, with the package.

    Runs in that act's transaction, which has locked the package and checked the permission.
    """
    room = DataRoom.objects.select_for_update().filter(package=package).first()
    if room is None:
        return
    room.package = package
    if room.closed_at is None:
        _close(room, user)
    else:
        _settle(room)  # Nobody has won what is withdrawn.


@transaction.atomic
def settle_readers(*, package: Package) -> None:
    """Let those read the package who may now: called where a deal begins or ends."""
    rooms = DataRoom.objects.select_for_update(of=("self",)).select_related("package")
    room = rooms.filter(package=package).first()
    if room is not None:
        _settle(room)


def _settle(room: DataRoom) -> None:
    """The room is locked: a deal and a closing at the same time see each other."""
    in_force = set(readers_in_force(room).values_list("buyer", flat=True))
    for admission in Admission.objects.filter(room=room).select_related("buyer"):
        if admission.buyer_id in in_force:
            grant_reader(package=room.package, reader=admission.buyer)
        else:
            revoke_reader(package=room.package, reader=admission.buyer)

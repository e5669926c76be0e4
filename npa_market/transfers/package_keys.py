"""The key of a package: what was made of its borrowers' identities for a buyer opens with it alone.

A delivery file is encrypted to the buyer's key; kept, it is encrypted once more to an age key of
the package, which is sealed under the venue's key and apart from the keys of the tapes. Destroyed,
no copy of the file in any storage or backup opens again, not even with the buyer's key. Each file
has a key of its own.
"""

from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7
from npa_market.common.files import CHUNK, open_stored
from npa_market.packages.models import Package
from npa_market.tapes.vault import Place, current_vault
from npa_market.transfers.availability import ERASED_WORDS, Fault
from npa_market.transfers.models import Delivery, PackageKey

_LABEL = "transfers.PackageKey/wrapped"
IN_MEMORY = 32 * CHUNK


def new_package_key(package: Package) -> tuple[PackageKey, Any]:
    """A key for one more file of a package, and its public half; the one before must be erased."""
    import pyrage

    pk, identity = uuid7(), pyrage.x25519.Identity.generate()
    key = PackageKey.objects.create(
        pk=pk,
        package=package,
        wrapped=current_vault().seal(str(identity), Place(_LABEL, pk)),
        created_at=database_now(),
    )
    return key, identity.to_public()


def erase_key(key: PackageKey, now: datetime) -> None:
    """Destroy a key: nothing that was encrypted to it opens again."""
    key.wrapped, key.erased_at = "", now
    key.save(update_fields=["wrapped", "erased_at"])


def open_delivery(delivery: Delivery) -> IO[bytes]:
    """The delivery file as the buyer takes it: encrypted to the buyer's key.

    Raises Refused `copies_erased`.
    """
    import pyrage

    stored, identity = str(delivery.file_id), _identity_for(delivery)
    if identity is None:
        return open_stored(stored)
    target = cast(IO[bytes], SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - handed on
    with open_stored(stored) as wrapped:
        pyrage.decrypt_io(wrapped, target, [identity])
    target.seek(0)
    return target


def _identity_for(delivery: Delivery) -> Any:
    """The identity of the venue's copy; None for a file released before packages had keys."""
    import pyrage

    key = delivery.key
    if key is None:
        return None
    if not key.wrapped:
        raise Refused(Fault.ERASED, ERASED_WORDS)
    plain = current_vault().open(key.wrapped, Place(_LABEL, key.pk))
    return pyrage.x25519.Identity.from_str(plain)

"""The key of a package: what was made of its borrowers' identities for a buyer opens with it alone.

A delivery file is encrypted to the buyer's key; kept, it is encrypted once more to the package's
own age key, which is sealed under the venue's key and apart from the keys of the tapes. Destroyed,
no copy of the file in any storage or backup opens again, not even with the buyer's key.
"""

from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7
from npa_market.common.files import CHUNK, open_stored
from npa_market.packages.models import Package
from npa_market.tapes.vault import Place, current_vault
from npa_market.transfers.models import Delivery, PackageKey

_LABEL = "transfers.PackageKey/wrapped"
IN_MEMORY = 32 * CHUNK


def package_recipient(package: Package) -> Any:
    """The public half of the package's key, which is made at its first use.

    Raises Refused `copies_erased`: nothing may be encrypted to an erased key again.
    """
    import pyrage

    key = PackageKey.objects.filter(package=package).first()
    if key is None:
        pk, identity = uuid7(), pyrage.x25519.Identity.generate()
        PackageKey.objects.create(
            pk=pk,
            package=package,
            wrapped=current_vault().seal(str(identity), Place(_LABEL, pk)),
            created_at=database_now(),
        )
        return identity.to_public()
    return _identity(key).to_public()


def _identity(key: PackageKey) -> Any:
    import pyrage

    if not key.wrapped:
        raise Refused(
            "copies_erased", "The copies made for this package were erased and open no more."
        )
    plain = current_vault().open(key.wrapped, Place(_LABEL, key.pk))
    return pyrage.x25519.Identity.from_str(plain)


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


def refuse_erased(delivery: Delivery) -> None:
    """Raises Refused `copies_erased` where the file opens no more; costs no reading of it."""
    _identity_for(delivery)


def _identity_for(delivery: Delivery) -> Any:
    """The package's identity; None for a file released before packages had keys."""
    if not delivery.taken_sha256:
        return None
    return _identity(PackageKey.objects.get(package__lots__deal=delivery.deal_id))

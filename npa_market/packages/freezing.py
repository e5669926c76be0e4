"""Sealing: build the file outside of any lock, then lock, look again, freeze, record."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.urls import reverse

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import store_bytes, store_path
from npa_market.common.jobs import queue_job
from npa_market.common.models import Job
from npa_market.evidence.models import Entry
from npa_market.evidence.services import record
from npa_market.packages.models import Package, PackageLoan, PackageState
from npa_market.packages.outside import bond_of, tell_of_end
from npa_market.packages.statements import seen_sha256
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require

if TYPE_CHECKING:
    import pyarrow as pa

    from npa_market.packages.content import SealedContent
    from npa_market.packages.sealing import Totals
    from npa_market.tapes.same_debt import Debts

Progress = Callable[..., None]
# How the engines name a broken O2: PostgreSQL the constraint, SQLite its column.
_TAKEN = ("O2_loan_in_one_live_package", "packages_packageloan.loan_id")


@dataclass(frozen=True)
class Built:
    """Loans to be sealed, read and screened before the lock is taken; their rows are being made."""

    selection_sha256: str
    rows: "Future[pa.Table]"
    loan_keys: bytes  # 16 each, in the order of the file
    tokens: "pa.StringArray"  # in the same order
    debts: "Debts"
    live: frozenset[UUID]  # the seller's live packages when the loans were screened
    difference: dict[str, Any]
    seen: str  # hash of the package as it was read
    histories: dict[str, Any]


def seal_package(
    *, user: User, package_id: UUID, seen: str = "", progress: Progress | None = None
) -> Package:
    """Freeze a screened package: file, manifest, tree, member rows; sealed again it stays as it is.

    The screen is applied anew; where its outcome differs from the stored one, nothing is sealed
    and the screen must be repeated. The sealer wrote no part of it. `seen`: hash of what the sealer
    decided on (`statements.seen_sha256`; without it, what stands now); where the package was
    changed since, nothing is sealed. Raises Refused, NotPermitted. `progress(done, total, message)`
    counts rows.
    """
    package = Package.objects.select_related("seller").get(pk=package_id)
    require(user, "packages.seal_package", package)
    if package.state == PackageState.SEALED:
        return package
    refuse_to_seal(package, user, seen or seen_sha256(package))
    report = progress or (lambda done, total, message="": None)
    with ThreadPoolExecutor(1) as beside:
        built = _build(package, report, beside)
        loans = len(built.tokens)
        report(loans, loans, "Building and hashing the rows, freezing the loans")
        try:
            return _seal_rows(package_id, user, built, beside)
        except IntegrityError as error:
            if not any(name in str(error) for name in _TAKEN):
                raise
            raise _taken() from error


_BUILT_BY = ("package.drafted", "package.version_begun", "package.revised", "package.picked")


def has_built(package: Package, user: User) -> bool:
    """Did the person make or change any part of this version?"""
    acts = Entry.objects.about(package.pk).filter(type__in=_BUILT_BY, actor=f"user:{user.pk}")
    return user.pk in {package.created_by_id, package.edited_by_id} or acts.exists()


def refuse_to_seal(package: Package, user: User, seen: str) -> None:
    """Raise Refused unless the package is screened, as it was seen, and by others built (T6)."""
    if package.state != PackageState.SCREENED:
        raise Refused(
            "wrong_state",
            f"{package.reference} is {package.get_state_display().lower()}; "
            "only a screened package can be sealed.",
        )
    if has_built(package, user):
        raise Refused(
            "four_eyes", "Whoever built the package cannot seal it: a second person must."
        )
    if seen != seen_sha256(package):
        raise Refused(
            "package_changed",
            f"{package.reference} was changed since you looked at it. Look at it again.",
        )


def _refuse_outdated(package: Package, selection_sha256: str) -> None:
    if package.selection_sha256 != selection_sha256:
        raise Refused(
            "screen_outdated", "Since the screen, other loans are eligible. Repeat the screen."
        )


def _refuse_taken(package: Package, built: Built) -> None:
    """The same loan on a tape of another date, or under another number, is another row, which no
    constraint compares."""
    import pyarrow.compute as pc

    from npa_market.packages.screening import versions_beside
    from npa_market.packages.taken import live_debts, live_packages
    from npa_market.tapes.same_debt import same_debts

    mine = versions_beside(package)
    if live_packages(package.seller, mine) <= built.live:
        return
    taken = live_debts(package.seller, mine)
    is_there = pc.any(pc.is_in(built.debts.numbers, value_set=taken.numbers)).as_py()
    if is_there or same_debts(built.debts, taken)[1]:
        raise _taken()


def _taken() -> Refused:
    return Refused(
        "loan_in_live_package", "Meanwhile a loan went into another package. Repeat the screen."
    )


def _build(package: Package, report: Progress, beside: ThreadPoolExecutor) -> Built:
    from npa_market.packages.attached import attached_histories
    from npa_market.packages.differences import from_previous
    from npa_market.packages.loading import receipts_table
    from npa_market.packages.screening import loans_with_receipts, screen_loans, versions_beside
    from npa_market.packages.taken import live_packages

    report(0, package.loans, "Reading and screening the loans")
    live = live_packages(package.seller, versions_beside(package))
    screened = screen_loans(package)
    selection_sha256 = screened.selection_sha256()
    _refuse_outdated(package, selection_sha256)
    report(0, package.loans, "Reading the receipts")
    receipts = receipts_table(loans_with_receipts(package))
    names = screened.named(package)
    rows = beside.submit(screened.sealed_rows, package, names, receipts)
    difference = {}
    if package.previous is not None:
        difference = from_previous(package, screened, rows.result(), names)
    return Built(
        selection_sha256=selection_sha256,
        rows=rows,
        loan_keys=names.keys,
        tokens=names.texts(),
        debts=screened.debts(),
        live=live,
        difference=difference,
        seen=seen_sha256(package),
        histories=attached_histories(package, screened.kept),
    )


def _seal_rows(package_id: UUID, user: User, built: Built, beside: ThreadPoolExecutor) -> Package:
    """Make, hash, compress and count the rows while the database takes the members in: it is the
    slower one."""
    from npa_market.packages.content import content_of

    with TemporaryDirectory() as folder:
        path = Path(folder) / "package.parquet"
        made = beside.submit(lambda: content_of(built.rows.result(), path))
        try:
            return _freeze(package_id, user, built, made)
        finally:
            wait([made])  # It writes into the folder.


@transaction.atomic
def _freeze(package_id: UUID, user: User, built: Built, made: "Future[SealedContent]") -> Package:
    from npa_market.packages.manifest import manifest
    from npa_market.packages.members import insert_members

    package = Package.objects.select_for_update().get(pk=package_id)
    if package.state == PackageState.SEALED:
        return package
    # Two packages of one seller are frozen one after the other: each sees the loans of the other.
    Organisation.objects.select_for_update(no_key=True).get(pk=package.seller_id)
    refuse_to_seal(package, user, built.seen)
    _refuse_outdated(package, built.selection_sha256)
    _refuse_taken(package, built)
    _retire_previous(package, user)
    insert_members(package, built.loan_keys, built.tokens)
    content = made.result()
    package.state = PackageState.SEALED
    package.sealed_by, package.sealed_at = user, database_now()
    package.file = store_path(content.path)
    package.manifest_file = store_bytes(manifest(package, content, built.histories))
    package.tree_file = store_bytes(content.tree.nodes)
    package.merkle_root = content.tree.root
    package.overview = content.overview | {
        "difference": built.difference,
        "renumbered": package.overview.get("renumbered", []),
    }
    for name, value in asdict(content.totals).items():
        setattr(package, name, value)
    package.save()
    record(
        type="package.sealed",
        subject=package,
        actor=user,
        prev_state=PackageState.SCREENED,
        payload=_statement(package, content.totals),
    )
    return package


def _statement(package: Package, totals: "Totals") -> dict[str, object]:
    assert package.manifest_file, "a sealed package has a manifest"
    return {
        "reference": package.reference,
        "version": package.version,
        "currency": package.currency,
        "cut_off_date": package.cut_off_date.isoformat(),
        **asdict(totals),
        "content_sha256": package.content_sha256,
        "manifest_sha256": package.manifest_file.sha256,
        "merkle_root": package.merkle_root,
    }


def _retire_previous(package: Package, user: User) -> None:
    """The version that this one replaces gives its loans back in the same transaction."""
    if package.previous_id is None:
        return
    previous = Package.objects.select_for_update().get(pk=package.previous_id)
    if previous.state != PackageState.SEALED:
        return
    if bond := bond_of(previous):
        raise Refused("package_bound", f"{previous.reference} cannot be replaced: {bond}.")
    previous.state = PackageState.REPLACED
    previous.save(update_fields=["state"])
    PackageLoan.objects.filter(package=previous, is_live=True).update(is_live=False)
    tell_of_end(previous, user)
    record(
        type="package.replaced",
        subject=previous,
        actor=user,
        prev_state=PackageState.SEALED,
        payload={"reference": previous.reference, "by": package.reference},
    )


@transaction.atomic
def start_sealing(*, user: User, package_id: UUID, seen: str = "") -> Job:
    """Queue the sealing of what was seen (see `seal_package`); while it is under way, that job."""
    from npa_market.packages.tasks import seal_package_task

    package = Package.objects.select_for_update().get(pk=package_id)
    require(user, "packages.seal_package", package)
    if package.job is not None and not package.job.is_over:
        return package.job
    seen = seen or seen_sha256(package)
    refuse_to_seal(package, user, seen)
    package.job = queue_job(
        task=seal_package_task,
        kind="seal_package",
        title=f"Sealing {package.reference}",
        organisation_id=package.seller_id,
        started_by=user,
        subject_url=reverse("packages:detail", kwargs={"package_id": package.pk}),
        arguments={"package_id": str(package.pk), "user_id": str(user.pk), "seen": seen},
    )
    package.save(update_fields=["job"])
    return package.job

"""Reading identities in full, logged: one borrower, rejected rows; and erasing them for good."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import IO, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from npa_market.common.clock import database_now
from npa_market.common.errors import Refused
from npa_market.common.files import is_stored
from npa_market.common.texts import checked_reason
from npa_market.evidence.services import record
from npa_market.parties.models import Organisation, User
from npa_market.parties.permissions import require
from npa_market.tapes.history_models import HistoryState
from npa_market.tapes.kept_files import is_needed, let_go, open_rows
from npa_market.tapes.keys import PREFIX
from npa_market.tapes.models import Borrower, Loan, Tape, TapeState
from npa_market.tapes.outside import tape_uses
from npa_market.tapes.personal_models import AccessForm, DataKey, PersonalAccess
from npa_market.tapes.queries import Person, person_of
from npa_market.tapes.rejects import with_reasons
from npa_market.tapes.uploads import discard_with_tape

REVEALS_PER_HOUR = 30
SHORTEST_REASON = 10
LONGEST_REASON = 300
_FIELDS = "name,id_number,mobile"


def log_access(
    *, user: User | None, tape: Tape, form: AccessForm, people: int, reason: str, loan: UUID | None
) -> PersonalAccess:
    """One line of the access log, inside the transaction of the reading."""
    return PersonalAccess.objects.create(
        seller_id=tape.seller_id,
        user=user,
        tape=tape,
        loan=loan,
        people=people,
        fields=_FIELDS,
        form=form,
        reason=reason,
        at=database_now(),
    )


def _checked_reason(reason: str, words: str) -> str:
    return checked_reason(
        " ".join(reason.split()), least=SHORTEST_REASON, most=LONGEST_REASON, words=words
    )


@transaction.atomic
def reveal_borrower(*, user: User, loan_id: UUID, reason: str) -> Person:
    """Name, ID number and mobile of one borrower in full; who, why and when is logged first.

    At most `REVEALS_PER_HOUR` per person: more is reading a list, not looking at a case. Raises
    NotPermitted, InvalidInput (reason), Refused (rate), VaultError where identities were erased.
    """
    loan = Loan.objects.select_related("tape", "borrower").get(pk=loan_id)
    require(user, "tapes.reveal_borrower", loan.tape)
    asked = f"Say in {SHORTEST_REASON} to {LONGEST_REASON} characters why you need the identity."
    words = _checked_reason(reason, asked)
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # Two tabs count together.
    lately = PersonalAccess.objects.filter(
        user=user, form=AccessForm.REVEAL, at__gt=database_now() - timedelta(hours=1)
    )
    if lately.count() >= REVEALS_PER_HOUR:
        raise Refused(
            "too_many_reveals",
            f"You looked at {REVEALS_PER_HOUR} identities within the hour. Go on later.",
        )
    log_access(
        user=user,
        tape=loan.tape,
        form=AccessForm.REVEAL,
        people=1,
        reason=words,
        loan=loan.pk,
    )
    record(
        type="borrower.revealed",
        subject=loan.tape,
        actor=user,
        payload={"loan_id": str(loan.pk), "fields": _FIELDS.split(",")},
        prev_state=loan.tape.state,
    )
    return person_of(loan.borrower)


@transaction.atomic
def open_rejects(*, user: User, tape_id: UUID, rule: str = "", column: str = "") -> IO[bytes]:
    """The rejects file, open for reading, or its rows with a finding of this rule and column.

    Who opened it is recorded. Raises Refused where there is no such row.
    """
    tape = Tape.objects.get(pk=tape_id)
    require(user, "tapes.read_rejects", tape)
    wanted = _rejecting(tape, rule, column)
    if not (tape.rejects_file_id and wanted):
        asked = " for that" if rule or column else ""
        raise Refused("no_rejects", f"No row of this tape was rejected{asked}.")
    only = {"rule": rule, "column": column} if rule or column else {}
    rows = min(tape.rows_rejected, sum(found["count"] for found in wanted))
    log_access(
        user=user,
        tape=tape,
        form=AccessForm.REJECTS,
        people=rows,
        reason="Repair of rejected rows",
        loan=None,
    )
    record(
        type="tape.rejects_read",
        subject=tape,
        actor=user,
        payload={"rejects_sha256": tape.rejects_file_id, "rows": rows, **only},
        prev_state=tape.state,
    )
    content = open_rows(tape, tape.rejects_file_id)
    return with_reasons(content, {_reason(found) for found in wanted}) if only else content


def _rejecting(tape: Tape, rule: str, column: str) -> list[dict[str, Any]]:
    """Findings that rejected rows, of this rule and column where they are named."""
    return [
        found
        for found in tape.findings
        if found["severity"] == "reject"
        and rule in ("", found["id"])
        and column in ("", found["column"])
    ]


def _reason(found: dict[str, Any]) -> str:
    return f"{found['id']}: {found['words']}"


@dataclass(frozen=True)
class Erasure:
    """What becomes unreadable when a tape's key is destroyed.

    borrowers: identities sealed under it. on_other_tapes: of these, the ones that loans of other
    tapes need too. files: stored files that are deleted (the tape as received, its rejects, the
    rows of its findings, its histories as received and their rejects).
    """

    borrowers: int
    on_other_tapes: int
    files: int


def erasure_of(tape: Tape) -> Erasure:
    """What erasing the tape's identities would take away."""
    sealed = sealed_under(tape)
    elsewhere = sealed.filter(loans__in=Loan.objects.exclude(tape=tape)).distinct()
    return Erasure(sealed.count(), elsewhere.count(), len(_own_files(tape)))


def sealed_under(tape: Tape) -> QuerySet[Borrower]:
    """Borrowers whose identities open with the tape's key alone: the tape brought them first."""
    key = DataKey.objects.filter(tape=tape, erased_at=None).first()
    if key is None:
        return Borrower.objects.none()
    prefix = f"{PREFIX}{key.pk.hex}:"
    is_sealed = Q()
    for name in _FIELDS.split(","):
        is_sealed |= Q(**{f"{name}_sealed__startswith": prefix})
    return Borrower.objects.filter(is_sealed, seller=tape.seller_id)


def _own_files(tape: Tape) -> list[str]:
    """Hashes of files in the storage that go with the tape: nobody else needs them."""
    files = {tape.file_id, tape.rejects_file_id, tape.found_file_id}
    for of_history in tape.histories.values_list("file", "rejects_file"):
        files.update(of_history)
    return [
        sha256
        for sha256 in sorted(filter(None, files))
        if is_stored(sha256) and not is_needed(sha256, without=tape)
    ]


@transaction.atomic
def erase_identities(*, user: User, tape_id: UUID, reason: str) -> Erasure:
    """Destroy the key of a tape's identities and delete its files: nobody reads them again.

    Waiting uploads of its file and waiting histories are discarded; the file and further
    histories are refused from now on. Loans, amounts and dates stay.
    Erasing again deletes what is left of the files; where nothing is, it changes
    nothing. Refused while a package needs the identities (`outside.tells_tape_use`). Raises
    NotPermitted, InvalidInput, Refused.
    """
    # What takes a file in takes the same lock, so none slips past.
    seller_id = Tape.objects.values_list("seller", flat=True).get(pk=tape_id)
    Organisation.objects.select_for_update(no_key=True).get(pk=seller_id)
    tape = Tape.objects.select_for_update().get(pk=tape_id)
    require(user, "tapes.erase_identities", tape)
    words = _checked_reason(reason, "Say why the identities are erased.")
    if tape.state in {TapeState.UPLOADED, TapeState.IMPORTING}:
        raise Refused("import_runs", "The import of this tape still runs. Cancel it first.")
    if tape.histories.filter(state__in=[HistoryState.UPLOADED, HistoryState.IMPORTING]).exists():
        raise Refused(
            "import_runs", "The import of a history of this tape still runs. Wait for it."
        )
    if uses := tape_uses(tape):
        raise Refused("identities_needed", f"The identities are still needed: {uses[0]}.")
    found, files, now = erasure_of(tape), _own_files(tape), database_now()
    # A tape that was never imported gets the row without a key that says that it was erased.
    key, is_new = DataKey.objects.select_for_update().get_or_create(
        tape=tape, defaults={"created_at": now, "erased_at": now}
    )
    if not (is_new or key.wrapped or files):
        return found
    if key.wrapped:
        key.wrapped, key.erased_at = "", now
        key.save(update_fields=["wrapped", "erased_at"])
    discard_with_tape(user=user, seller_id=seller_id, sha256=tape.file_id)
    _remove_waiting_histories(tape, user)
    record(
        type="tape.identities_erased",
        subject=tape,
        actor=user,
        payload={
            "reason": words,
            "borrowers": found.borrowers,
            "on_other_tapes": found.on_other_tapes,
            "files_sha256": files,
        },
        prev_state=tape.state,
    )
    for sha256 in files:
        transaction.on_commit(partial(let_go, sha256))
    return found


def _remove_waiting_histories(tape: Tape, user: User) -> None:
    """Histories whose columns nobody named: their files go, so nobody can name them any more."""
    for history in tape.histories.filter(state=HistoryState.WAITING):
        history.state = HistoryState.REMOVED
        history.save(update_fields=["state"])
        record(
            type="history.removed",
            subject=history,
            actor=user,
            payload={"rows": 0},
            prev_state=HistoryState.WAITING,
        )

"""Histories attach to loans by number, row by row through rules; nothing half taken in."""

import csv
import io
from datetime import date

import pytest
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.common.files import is_stored, read_stored
from npa_market.evidence.models import Entry
from npa_market.evidence.services import record
from npa_market.parties.roles import Role
from npa_market.tapes import histories, history_import
from npa_market.tapes.histories import (
    import_history,
    open_history_rejects,
    remove_history,
)
from npa_market.tapes.history_intake import upload_history
from npa_market.tapes.history_layouts import LAYOUTS, rules_of
from npa_market.tapes.history_mapping import spellings
from npa_market.tapes.history_models import (
    ROWS_OF_KIND,
    HistoryFile,
    HistoryKind,
    HistoryState,
    Payment,
)
from npa_market.tapes.mapping import folded_header
from npa_market.tapes.models import Loan
from npa_market.tapes.personal_models import AccessForm, PersonalAccess
from npa_market.tapes.revealing import erase_identities
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import SOUND, csv_of, rows_of
from tests.tapes.test_import import Killed

# (kind, rule) -> cells that break it
BROKEN = {
    ("payments", "value_missing"): {"还款金额": ""},
    ("payments", "value_unreadable"): {"还款金额": "many"},
    ("payments", "nothing_paid"): {"还款金额": "0.00"},
    ("payments", "amount_negative"): {"催收费用": "-0.01"},
    ("payments", "date_future"): {"还款日期": "2999-01-01"},
    ("payments", "date_ancient"): {"还款日期": "1979-12-31"},
    ("payments", "loan_unknown"): {"贷款编号": "L-9"},
    ("contacts", "time_unreadable"): {"时间": "24:00"},
    ("contacts", "value_unreadable"): {"渠道": "烟"},
    ("legal", "value_unreadable"): {"阶段": "?"},
    ("placements", "dates_out_of_order"): {"结束日期": "2024-01-31"},
    ("placements", "amount_negative"): {"回款": "-1.00"},
    ("complaints", "dates_out_of_order"): {"办结日期": "2024-05-04"},
    ("documents", "value_missing"): {"文件": ""},
}


@pytest.fixture
def tape(imported_rows):
    return imported_rows({}, {})


def test_the_tables_of_this_test_name_every_kind_and_rule():
    assert set(SOUND) == set(LAYOUTS) == set(ROWS_OF_KIND) == set(HistoryKind.values)
    named = {rule for _, rule in BROKEN}
    assert {rule.id for kind in LAYOUTS for rule in rules_of(kind)} | {"loan_unknown"} == named


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_row_of_each_kind_stands_on_its_loan(kind, take_in):
    history = take_in(kind, {}, {"贷款编号": "L-2"})
    assert (history.state, history.rows_imported, history.rows_rejected) == ("imported", 2, 0)
    assert history.loans == 2
    rows = ROWS_OF_KIND[kind].objects.imported().select_related("loan")
    assert [row.loan.loan_number for row in rows] == ["L-1", "L-2"]


def test_values_arrive_as_written(take_in):
    take_in("contacts", {})
    contact = Loan.objects.get(loan_number="L-1").contacts.get()
    assert (contact.on, contact.at, contact.channel) == (date(2025, 11, 3), "09:30", "call")
    assert (contact.person, contact.is_right_party, contact.talk_seconds) == ("own", True, 75)
    take_in("placements", {})
    placement = Loan.objects.get(loan_number="L-1").placements.get()
    assert (placement.commission_bp, placement.received_minor) == (2500, 20_000)


@pytest.mark.parametrize(("kind", "rule"), BROKEN)
def test_a_broken_row_is_rejected_alone_with_its_reason(kind, rule, take_in):
    history = take_in(kind, {}, BROKEN[kind, rule])
    assert (history.rows_read, history.rows_imported, history.rows_rejected) == (2, 1, 1)
    (found,) = history.findings
    assert (found["id"], found["count"], found["examples"][0]["row"]) == (rule, 1, 3)
    text = read_stored(history.rejects_file_id).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert rule in row["reasons"]
    assert set(SOUND[kind]) < set(row)


def test_rejects_keep_every_column_and_are_taken_in_once_repaired(tape, seller_user):
    """Also rejected twice: the second file is like the first, with the rows that are left."""

    def take_in(content):
        history = upload_history(
            user=seller_user,
            tape_id=tape.pk,
            kind="payments",
            chunks=[content.encode()],
            file_name="history.csv",
        )
        history = import_history(history_id=history.pk)
        kept = history.rejects_file_id
        return history, read_stored(kept).decode("utf-8-sig") if kept else ""

    broken = {**SOUND["payments"], "还款金额": "many", "流水号": "=1+1"}
    other = {**broken, "贷款编号": "L-2", "还款金额": "lots"}
    history, rejects = take_in(csv_of([broken, other, SOUND["payments"] | {"流水号": "7"}]))
    assert (history.rows_imported, history.rows_rejected) == (1, 2)
    header, *rows = csv.reader(io.StringIO(rejects, newline=""))
    assert header == ["row_number", "reasons", *SOUND["payments"], "流水号"]
    assert [row[-1] for row in rows] == ["'=1+1"] * 2
    history, again = take_in(rejects.replace("many", "12.00"))
    assert (history.rows_imported, history.rows_rejected) == (1, 1)
    (left,) = csv.DictReader(io.StringIO(again, newline=""))
    assert list(left) == header
    assert (left["row_number"], left["还款金额"], left["流水号"]) == ("3", "lots", "'=1+1")
    history, _ = take_in(again.replace("lots", "13.00"))
    assert (history.rows_imported, history.rows_rejected) == (1, 0)
    assert Payment.objects.imported().count() == 3


FOREIGN = {
    "payments": ("借据号,还款时间,实收金额(元)", "L-1,2025-01-01,5"),
    "contacts": ("LoanID;Call_Date;Contact Channel", "L-1;2025-01-01;call"),
    "legal": ("Loan ID,Filing date,Legal status", "L-1,2025-01-01,in_suit"),
    "placements": ("合同号\t分案日期\t委外公司", "L-1\t2025-01-01\t甲公司"),
    "complaints": ("LOAN NO,complaint_date,Reason", "L-1,2025-01-01,Calls"),
    "documents": ("account number|date checked|DocumentType|status",
                  "L-1|2025-01-01|contract|copy"),
}  # fmt: skip


def uploaded(tape, user, kind, text, **options):
    history = upload_history(
        user=user,
        tape_id=tape.pk,
        kind=kind,
        chunks=[text.encode()],
        file_name="h.csv",
        **options,
    )
    return import_history(history_id=history.pk)


@pytest.mark.parametrize("kind", FOREIGN)
def test_usual_names_of_columns_are_known_in_both_languages(kind, tape, seller_user):
    history = uploaded(tape, seller_user, kind, "\n".join([*FOREIGN[kind], ""]))
    assert (history.rows_imported, history.findings) == (1, [])


def test_no_name_of_a_column_is_known_for_two_fields_of_a_kind():
    for kind, layout in LAYOUTS.items():
        known = [{folded_header(name) for name in spellings(kind, column)} for column in layout]
        assert sum(map(len, known)) == len(set().union(*known))


def test_columns_that_are_not_known_are_named_in_both_languages_with_what_to_do(tape, seller_user):
    with pytest.raises(InvalidInput) as refusal:
        uploaded(tape, seller_user, "payments", "L,M,还款金额\n1,2,3\n")
    assert refusal.value.code == "column_missing"
    for words in ("“Loan number” (贷款编号, loan id, 借据号)", "“Paid on” (还款日期,", "header"):
        assert words in refusal.value.message
    assert "mapping" not in refusal.value.message
    assert "还款金额" not in refusal.value.message


@pytest.mark.parametrize("words", ["合计", "Total", "TOTAL:", "小计：3"])
def test_a_footer_is_no_event(words, tape, seller_user):
    rows = f"借据号,还款时间,实收金额\nL-1,2025-01-01,5\n{words},,5\n"
    history = uploaded(tape, seller_user, "payments", rows)
    assert (history.rows_read, history.rows_imported) == (1, 1)


def test_a_loan_whose_number_begins_like_a_footer_is_read(tape, seller_user):
    rows = "借据号,还款时间,实收金额\nTotal-1,2025-01-01,5\n"
    history = uploaded(tape, seller_user, "payments", rows)
    assert [finding["id"] for finding in history.findings] == ["loan_unknown"]


def test_sums_of_money_are_told_and_recorded(take_in):
    history = take_in("payments", {}, {"还款金额": "-20.00", "催收费用": ""})
    assert history.totals == {"gross_minor": 10_000, "cost_minor": 3_600}
    entry = Entry.objects.about(history.pk).select_related("payload").last()
    assert entry.payload.body["totals_minor"] == {"gross_minor": "10000", "cost_minor": "3600"}


def test_the_same_file_again_is_the_same_history_and_a_removed_one_comes_back(take_in, seller_user):
    history = take_in("payments", {})
    assert take_in("payments", {}).pk == history.pk
    assert Payment.objects.count() == 1
    remove_history(user=seller_user, history_id=history.pk)
    assert not Payment.objects.exists()
    assert take_in("payments", {}).state == HistoryState.IMPORTED
    assert Payment.objects.imported().count() == 1


def test_a_run_that_died_shows_nothing_and_is_done_again(take_in, monkeypatch):
    monkeypatch.setattr(history_import, "CHUNK_ROWS", 2)
    real, calls = history_import.insert_columns, []

    def dies(model, columns):
        if len(calls) == 1:
            raise Killed
        calls.append(real(model, columns))

    with monkeypatch.context() as patch:
        patch.setattr(history_import, "insert_columns", dies)
        with pytest.raises(Killed):
            take_in("payments", *[{"渠道": str(n)} for n in range(6)])
    assert (Payment.objects.count(), Payment.objects.imported().count()) == (2, 0)
    assert take_in("payments", *[{"渠道": str(n)} for n in range(6)]).rows_imported == 6
    assert Payment.objects.imported().count() == 6


def test_only_an_imported_tape_of_ones_own_takes_histories(
    take_in, tape, upload, seller_user, stranger
):
    with pytest.raises(NotPermitted):
        take_in("payments", {}, user=stranger)
    waiting = import_tape(tape_id=upload(csv_of(rows_of({"产品": "other"}))).pk)
    for tape_id, kind, error in (
        (waiting.pk, "payments", Refused),
        (tape.pk, "gossip", InvalidInput),
        (tape.pk, "payments", InvalidInput),
    ):
        with pytest.raises(error):
            upload_history(
                user=seller_user, tape_id=tape_id, kind=kind, chunks=[b"a,b\n1,2\n"], file_name="x"
            )


def test_the_pages_take_a_file_show_its_result_and_the_rows_of_a_loan(
    tape, as_user, seller_user, stranger, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), reverse("tapes:histories", args=[tape.pk])
    assert "No history yet" in client.get(url).content.decode()
    rows = [SOUND["contacts"], {**SOUND["contacts"], "渠道": "烟"}]
    file = io.BytesIO(csv_of(rows).encode())
    file.name = "contacts.csv"
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url, {"kind": "contacts", "file": file})
    assert answer.status_code == 302
    page = client.get(url).content.decode()
    assert "value_unreadable" in page
    history = tape.histories.get()
    rejects = reverse("tapes:history_rejects", args=[tape.pk]) + f"?history={history.pk}"
    assert "value_unreadable" in b"".join(client.get(rejects).streaming_content).decode()
    loan = Loan.objects.get(loan_number="L-1")
    shown = client.get(reverse("tapes:loan", args=[tape.pk, loan.pk])).content.decode()
    assert "Contact log" in shown
    assert "09:30" in shown
    assert as_user(stranger).get(url).status_code == 404
    client = as_user(seller_user)
    assert (
        client.post(reverse("tapes:remove_history", args=[tape.pk]), {"history": "x"}).status_code
        == 404
    )
    client.post(reverse("tapes:remove_history", args=[tape.pk]), {"history": str(history.pk)})
    assert not loan.contacts.exists()


@pytest.mark.parametrize("kind", SOUND)
def test_machines_attach_each_kind_read_its_rejects_and_take_it_back(
    kind, tape, as_user, seller_user, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), "/api/v1/histories/"
    file = io.BytesIO(csv_of([SOUND[kind], {**SOUND[kind], "贷款编号": "L-9"}]).encode())
    file.name = f"{kind}.csv"
    with django_capture_on_commit_callbacks(execute=True):
        sent = client.post(url, {"tape": str(tape.pk), "kind": kind, "file": file})
    assert (sent.status_code, sent.json()["state"]) == (202, "uploaded")
    own = f"{url}{sent.json()['id']}/"
    found = client.get(own).json()
    assert (found["state"], found["rows_imported"], found["rows_rejected"]) == ("imported", 1, 1)
    assert [finding["id"] for finding in found["findings"]] == ["loan_unknown"]
    assert b"L-9" in b"".join(client.get(f"{own}rejects/").streaming_content)
    assert client.get(f"{own}rejects-xlsx/").status_code == 200
    listed = client.get(url, {"tape": str(tape.pk), "kind": kind}).json()["results"]
    assert [history["id"] for history in listed] == [found["id"]]
    assert client.post(f"{own}remove/").json()["state"] == "removed"
    assert not ROWS_OF_KIND[kind].objects.exists()


def test_a_wrong_file_by_api_is_a_problem_that_names_it_and_others_see_nothing(
    tape, as_user, seller_user, stranger, buyer_user, make_user, seller
):
    url = "/api/v1/histories/"

    def sent(user, **changes):
        file = io.BytesIO(changes.pop("content", csv_of([SOUND["legal"]]).encode()))
        file.name = "legal.csv"
        values = {"tape": str(tape.pk), "kind": "legal", "file": file}
        return as_user(user).post(url, {**values, **changes})

    assert sent(seller_user, kind="gossip").status_code == 422
    problem = sent(seller_user, content=b"a,b\n1,2\n")
    assert (problem.status_code, problem.json()["code"]) == (422, "column_missing")
    assert sent(stranger).status_code == 404
    assert sent(buyer_user).status_code == 403
    assert sent(make_user("books@example.com", seller, Role.SELLER_FINANCE)).status_code == 403
    own = f"{url}{sent(seller_user).json()['id']}/"
    assert as_user(stranger).get(own).status_code == 404
    assert as_user(stranger).post(f"{own}remove/").status_code == 404


def test_a_fault_of_ours_fails_the_history_and_leaves_nothing(take_in, monkeypatch):
    def fault(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(history_import, "insert_columns", fault)
    with pytest.raises(ZeroDivisionError):
        take_in("payments", {})
    history = histories.HistoryFile.objects.get()
    assert (history.state, Payment.objects.exists()) == (HistoryState.FAILED, False)


def test_rejected_rows_of_a_history_are_read_on_record(take_in, seller_user):
    history = take_in("payments", {}, {"贷款编号": "L-9"})
    assert open_history_rejects(user=seller_user, history_id=history.pk).read()
    line = PersonalAccess.objects.get()
    assert (line.user, line.tape, line.form, line.people) == (
        seller_user,
        history.tape,
        AccessForm.REJECTS,
        1,
    )


def test_the_files_of_histories_go_with_the_identities_of_their_tape(
    take_in, seller_user, django_capture_on_commit_callbacks
):
    asked = {"user": seller_user, "reason": "Sale was called off"}
    mobile = {"手机号": "13912345678"}
    history = take_in("payments", mobile, {"贷款编号": "L-9", **mobile})
    files = {history.file_id, history.rejects_file_id}
    for waiting in (HistoryState.UPLOADED, HistoryState.IMPORTING):
        HistoryFile.objects.update(state=waiting)
        with pytest.raises(Refused, match="history of this tape"):
            erase_identities(tape_id=history.tape_id, **asked)
    HistoryFile.objects.update(state=HistoryState.IMPORTED)
    with django_capture_on_commit_callbacks(execute=True):
        erased = erase_identities(tape_id=history.tape_id, **asked)
    assert erased.files > len(files)
    assert not any(is_stored(sha256) for sha256 in files)
    assert Payment.objects.imported().count() == 1
    with pytest.raises(Refused, match="went with"):
        open_history_rejects(user=seller_user, history_id=history.pk)
    assert not PersonalAccess.objects.exists()
    with pytest.raises(Refused, match="no more files"):
        take_in("payments", mobile)
    assert not any(is_stored(sha256) for sha256 in files)


def test_a_fault_at_the_very_end_fails_the_history_too(take_in, monkeypatch):
    def fault(**facts):
        if facts["type"] == "history.imported":
            raise ZeroDivisionError
        return record(**facts)

    monkeypatch.setattr(histories, "record", fault)
    with pytest.raises(ZeroDivisionError):
        take_in("payments", {})
    assert histories.HistoryFile.objects.get().state == HistoryState.FAILED
    assert not Payment.objects.exists()

"""People say which column of a history is which field, and how it is read; it is remembered."""

import io
import json

import pytest
import xlsxwriter
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted, Refused
from npa_market.evidence.models import Entry
from npa_market.tapes.histories import import_history, remove_history
from npa_market.tapes.history_intake import keep_history, read_history, upload_history
from npa_market.tapes.history_models import HistoryFile, HistoryState, Payment
from npa_market.tapes.revealing import erase_identities

STRANGE = "Konto,Posted,Geld,Weg\nL-1,2025-01-02,5.00,post\nL-2,2025-01-03,6.00,post\n"
COLUMNS = {"loan_number": "Konto", "on": "Posted", "gross_minor": "Geld", "channel": "Weg"}
ALL = COLUMNS | {"cost_minor": ""}


@pytest.fixture
def tape(imported_rows):
    return imported_rows({}, {})


@pytest.fixture
def send(tape, seller_user):
    """Upload payments, import them."""

    def run(content=STRANGE, service=upload_history, **options):
        packed = content.encode() if isinstance(content, str) else content
        values = {"user": seller_user, "tape_id": tape.pk, "kind": "payments", "file_name": "h.csv"}
        history = service(chunks=[packed], **{**values, **options})
        return history if history.is_waiting else import_history(history_id=history.pk)

    return run


def taken(history):
    return (history.state, history.rows_imported, history.rows_rejected)


def test_named_columns_are_read_and_kept(send):
    history = send(columns=COLUMNS)
    assert taken(history) == ("imported", 2, 0)
    assert history.columns == COLUMNS
    assert set(Payment.objects.values_list("channel", "gross_minor")) == {
        ("post", 500),
        ("post", 600),
    }


def test_named_columns_are_remembered_for_the_next_file_of_the_kind(send):
    with pytest.raises(InvalidInput, match="known as"):
        send()
    send(columns=COLUMNS)
    again = send(STRANGE.replace("2025-01", "2025-03"))
    assert (taken(again), again.columns) == (("imported", 2, 0), COLUMNS)
    usual = send("借据号,还款日期,还款金额\nL-1,2025-06-02,5.00\n")
    assert (taken(usual), usual.columns) == (("imported", 1, 0), {})
    with pytest.raises(InvalidInput):
        send("Konto,Posted,Other\nL-1,2025-01-02,5.00\n")
    with pytest.raises(InvalidInput):
        send(kind="complaints")


def test_a_named_column_goes_before_one_that_is_known(send):
    text = "借据号,还款日期,入账,还款金额,Total\nL-1,2025-01-02,2025-02-02,5.00,9.00\n"
    send(text, columns={"on": "入账", "gross_minor": "Total"})
    payment = Payment.objects.get()
    assert (str(payment.on), payment.gross_minor) == ("2025-02-02", 900)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({**COLUMNS, "on": "Day"}, "column_unknown"),
        ({**COLUMNS, "channel": "Way"}, "column_unknown"),
        ({**COLUMNS, "day": "Posted"}, "columns_wrong"),
        ({**COLUMNS, "on": "Konto"}, "columns_wrong"),
        ({**COLUMNS, "on": 1}, "columns_wrong"),
        (["Konto"], "columns_wrong"),
        ({**COLUMNS, "on": ""}, "column_missing"),
    ],
)
def test_columns_that_make_no_sense_are_refused(columns, code, send):
    with pytest.raises(InvalidInput) as refusal:
        send(columns=columns)
    assert refusal.value.code == code
    assert not HistoryFile.objects.exists()


def workbook(*sheets):
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        for number, rows in enumerate(sheets):
            sheet = book.add_worksheet(f"S{number}")
            for at, row in enumerate(rows):
                sheet.write_row(at, 0, row)
    return target.getvalue()


HEAD = ["借据号", "还款日期", "还款金额"]


def test_each_sheet_of_a_workbook_is_a_history_of_its_own(send):
    content = workbook([HEAD, ["L-1", "2025-01-02", "5"]], [HEAD, ["L-2", "2025-01-03", "6"]])
    first, second = send(content), send(content, layout={"sheet": "S1"})
    assert (taken(first), taken(second)) == (("imported", 1, 0), ("imported", 1, 0))
    assert (first.part, second.part) == ("", "S1")
    assert send(content, layout={"sheet": "S1"}) == second
    with pytest.raises(Refused, match="read otherwise"):
        send(content, layout={"sheet": "S0"})
    assert Payment.objects.imported().count() == 2


def test_encoding_delimiter_and_row_of_the_header_can_be_stated(send):
    text = "note|x|y\n借据号|还款日期|还款金额\nL-1|2025-01-02|5\n"
    layout = {"encoding": "gb18030", "delimiter": "|", "header_row": 2}
    assert taken(send(text.encode("gb18030"), layout=layout)) == ("imported", 1, 0)
    with pytest.raises(InvalidInput, match="layout"):
        send(text, layout={"page": 2})


def test_a_kept_file_waits_and_is_read_once_its_columns_are_named(send, seller_user, stranger):
    history = send(service=keep_history)
    assert (history.state, history.job) == (HistoryState.WAITING, None)
    assert send(service=keep_history) == history
    asked = {"history_id": history.pk, "columns": COLUMNS, "layout": {}}
    with pytest.raises(NotPermitted):
        read_history(user=stranger, **asked)
    with pytest.raises(InvalidInput):
        read_history(user=seller_user, **asked | {"columns": {}})
    read_history(user=seller_user, **asked)
    assert taken(import_history(history_id=history.pk)) == ("imported", 2, 0)
    assert read_history(user=seller_user, **asked).state == "imported"
    with pytest.raises(Refused, match="read otherwise"):
        read_history(user=seller_user, **asked | {"columns": ALL})
    types = [entry.type for entry in Entry.objects.about(history.pk)]
    assert types == ["history.kept", "history.uploaded", "history.imported"]


def test_a_waiting_file_goes_with_the_identities_and_is_not_read_after(
    send, seller_user, as_user, django_capture_on_commit_callbacks
):
    history = send(service=keep_history)
    with django_capture_on_commit_callbacks(execute=True):
        erase_identities(user=seller_user, tape_id=history.tape_id, reason="Sale was called off")
    with pytest.raises(Refused, match="erased"):
        read_history(user=seller_user, history_id=history.pk, columns=COLUMNS, layout={})
    history.refresh_from_db()
    assert history.state == HistoryState.REMOVED
    assert Entry.objects.about(history.pk).last().type == "history.removed"
    asked = reverse("tapes:history_columns", args=[history.tape_id]) + f"?history={history.pk}"
    assert as_user(seller_user).get(asked).status_code == 302


def test_forbidden_columns_are_not_kept(send):
    with pytest.raises(InvalidInput, match="never be taken in"):
        send(STRANGE.replace("Weg", "password"), service=keep_history)
    assert not HistoryFile.objects.exists()


@pytest.mark.parametrize("service", [keep_history, upload_history])
def test_C3_a_forbidden_column_of_another_sheet_keeps_no_history(service, send):
    packed = io.BytesIO()
    with xlsxwriter.Workbook(packed) as book:
        for name, heads in (("A", ["借据号", "还款日期", "还款金额"]), ("B", ["user", "password"])):
            book.add_worksheet(name).write_row(0, 0, heads)
    with pytest.raises(InvalidInput, match=r"password \(sheet B\)"):
        send(packed.getvalue(), service=service)
    assert not HistoryFile.objects.exists()


def test_a_waiting_file_can_be_discarded_and_sent_again(send, seller_user):
    history = send(service=keep_history)
    assert remove_history(user=seller_user, history_id=history.pk).state == "removed"
    assert send(service=keep_history).state == "waiting"
    assert taken(send(columns=COLUMNS)) == ("imported", 2, 0)


def test_the_page_asks_for_columns_with_proposals_and_loses_nothing(
    tape, as_user, seller_user, stranger, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), reverse("tapes:histories", args=[tape.pk])
    file = io.BytesIO(STRANGE.encode())
    file.name = "h.csv"
    answer = client.post(url, {"kind": "payments", "file": file})
    history = tape.histories.get()
    asked = reverse("tapes:history_columns", args=[tape.pk]) + f"?history={history.pk}"
    assert answer.url == asked
    assert "Say which column is which" in client.get(url).content.decode()
    page = client.get(asked)
    assert page.context["form"]["column_loan_number"].initial == "Konto"  # Its values are loans.
    assert page.context["form"]["column_on"].initial == "Posted"
    assert page.context["form"]["column_gross_minor"].initial == "Geld"  # No other is an amount.
    assert client.get(f"{asked}&sheet=&header_row=9").status_code == 422
    assert as_user(stranger).get(asked).status_code == 404
    client = as_user(seller_user)
    said = {f"column_{name}": header for name, header in ALL.items()}
    wrong = client.post(asked, said | {"column_on": "Konto"})
    assert wrong.status_code == 422
    assert wrong.context["form"]["column_gross_minor"].value() == "Geld"
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(asked, said).url == url
    history.refresh_from_db()
    assert (taken(history), history.columns) == (("imported", 2, 0), ALL)
    assert "Amount = Geld" in client.get(url).content.decode()
    assert client.get(asked).url == url


def test_the_page_reads_the_other_sheet_of_a_waiting_workbook(
    tape, as_user, seller_user, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), reverse("tapes:histories", args=[tape.pk])
    file = io.BytesIO(
        workbook([["Notes"]], [["Konto", "Posted", "Geld"], ["L-1", "2025-01-02", 5]])
    )
    file.name = "h.xlsx"
    asked = client.post(url, {"kind": "payments", "file": file}).url + "&sheet=S1"
    said = {"column_loan_number": "Konto", "column_on": "Posted", "column_gross_minor": "Geld"}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(asked, said).url == url
    history = tape.histories.get()
    assert (taken(history), history.layout, history.part) == (
        ("imported", 1, 0),
        {"sheet": "S1"},
        "S1",
    )


def test_the_page_takes_another_sheet_of_a_file_whose_first_is_attached(
    tape, as_user, seller_user, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), reverse("tapes:histories", args=[tape.pk])
    other = ["Konto", *HEAD[1:]]
    content = workbook([HEAD, ["L-1", "2025-01-02", 5]], [other, ["L-2", "2025-01-03", 6]])

    def sent(**layout):
        file = io.BytesIO(content)
        file.name = "h.xlsx"
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, {"kind": "payments", "file": file, **layout})

    assert sent().url == url
    assert "no visible sheet of this name" in sent(sheet="S9").content.decode()
    asked = sent(sheet="S1").url
    page = client.get(asked)
    assert page.context["form"]["column_loan_number"].initial == "Konto"
    assert page.context["layout_form"].initial == {"sheet": "S1"}
    said = {
        "column_loan_number": "Konto",
        "column_on": "还款日期",
        "column_gross_minor": "还款金额",
    }
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(asked, said).url == url
    assert Payment.objects.imported().count() == 2
    assert sent(header_row="x").status_code == 422


def test_a_file_that_is_attached_is_not_sent_waiting(tape, as_user, seller_user, send):
    content = "Konto;Posted;Geld\nL-1;2025-01-02;5\n"
    send(content, columns={name: COLUMNS[name] for name in ("loan_number", "on", "gross_minor")})
    file = io.BytesIO(content.encode())
    file.name = "h.csv"
    asked = {"kind": "payments", "file": file, "header_row": 2}
    answer = as_user(seller_user).post(reverse("tapes:histories", args=[tape.pk]), asked)
    assert answer.status_code == 422
    assert HistoryFile.objects.get().state == "imported"


def test_findings_name_the_columns_of_the_file(send):
    history = send(STRANGE.replace("6.00", "many"), columns=COLUMNS)
    (found,) = history.findings
    assert (found["column"], found["examples"][0]["column"]) == ("Geld", "Geld")


def test_machines_name_columns_and_how_the_file_is_read(
    tape, as_user, seller_user, django_capture_on_commit_callbacks
):
    client, url = as_user(seller_user), "/api/v1/histories/"

    def sent(**more):
        file = io.BytesIO(STRANGE.replace(",", ";").encode())
        file.name = "h.csv"
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, {"tape": tape.pk, "kind": "payments", "file": file, **more})

    problem = sent()
    assert (problem.status_code, problem.json()["code"]) == (422, "column_missing")
    assert "(columns)" in problem.json()["detail"]
    assert sent(columns="[]").status_code == 422
    assert sent(columns="{").status_code == 422
    assert sent(header_row="none").status_code == 422
    answer = sent(columns=json.dumps(COLUMNS), delimiter=";", header_row=1)
    assert answer.status_code == 202
    found = client.get(f"{url}{answer.json()['id']}/").json()
    assert (found["state"], found["rows_imported"]) == ("imported", 2)
    assert (found["columns"], found["layout"]) == (COLUMNS, {"delimiter": ";", "header_row": 1})

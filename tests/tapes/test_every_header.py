"""C3: forbidden columns are found in parts of a file that nobody chose, before it is kept."""

import gzip
import io
import json
import zipfile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from npa_market.common.errors import InvalidInput
from npa_market.common.models import StoredFile
from npa_market.tapes import every_header
from npa_market.tapes.every_header import refuse_forbidden
from tests.tapes.conftest import CONTENT, ROW, digest

LOGINS = "customer,password,cvv\nC-1,hunter2,123\n"
LOAN = {"loan": "L-1", "principal": 5}


def workbook(sheets: dict[str, list[list[str]]], hidden: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        if name == hidden:
            sheet.sheet_state = "hidden"
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return kept.getvalue()


def parquet() -> bytes:
    kept = io.BytesIO()
    pq.write_table(pa.table({"loan": ["L-1"], "auth": [[{"cvv": "1"}]]}), kept)
    return kept.getvalue()


def as_json(*objects: object) -> bytes:
    return json.dumps(objects).encode()


LOANS = [list(ROW), list(ROW.values())]
SHEET = [["Logins of the portal"], [], ["customer", "password"], ["C-1", "hunter2"]]
HIDING = {
    "second sheet": workbook({"Loans": LOANS, "Logins": SHEET}),
    "hidden sheet": workbook({"Loans": LOANS, "Logins": SHEET}, hidden="Logins"),
    "other member": zipped({"a.csv": CONTENT, "logins.csv": LOGINS.encode()}),
    "hidden member": zipped({"a.csv": CONTENT, "__MACOSX/.b.csv": LOGINS.encode("utf-16")}),
    "workbook beside": zipped({"a.csv": CONTENT, "b.xlsx": workbook({"A": LOANS, "B": SHEET})}),
    "JSON beside": zipped({"a.csv": CONTENT, "b.json": as_json(LOAN, {"x": [{"cvv": 1}]})}),
    "nested key": as_json({**LOAN, "auth": {"password": "x"}}),
    "late deep key": as_json(*[LOAN] * 700, {**LOAN, "a": [1, [{"b": {"PIN": "1"}}]]}),
    "packed JSON": gzip.compress(as_json({**LOAN, "auth": {"cvv": "1"}})),
    "key before damage": as_json({**LOAN, "auth": {"cvv": "1"}})[:-1] + b",{",
    "other table": as_json(
        {"model": "npl.loan", "pk": 1, "fields": LOAN},
        {"model": "npl.login", "pk": 1, "fields": {"secret": "x"}},
    ),
    "nested Parquet": parquet(),
}


@pytest.mark.parametrize("content", HIDING.values(), ids=HIDING)
def test_C3_a_forbidden_column_anywhere_in_a_file_ends_the_upload(
    content, start, send, finish, django_capture_on_commit_callbacks
):
    upload = start(content)
    send(upload, 0, content)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(InvalidInput) as refusal:
        finish(upload, content)
    assert refusal.value.code == "column_forbidden"
    assert "hunter2" not in str(refusal.value.message)
    assert not StoredFile.objects.filter(sha256=digest(content)).exists()


def test_the_refusal_says_in_which_part_the_column_stands():
    content = zipped({"a.csv": CONTENT, "b.xlsx": workbook({"A": LOANS, "Logins": SHEET})})
    with pytest.raises(InvalidInput, match=r"password \(file b.xlsx, sheet Logins\)"):
        refuse_forbidden(io.BytesIO(content))


def test_all_forbidden_keys_of_json_are_named_at_once():
    content = as_json({**LOAN, "auth": {"password": "x"}}, {"card": {"cvv": "1"}})
    with pytest.raises(InvalidInput, match="password, cvv. Remove"):
        refuse_forbidden(io.BytesIO(content))


SOUND = {
    "several sheets": workbook({"Loans": LOANS, "Notes": [["face value"]], "Empty": []}),
    "letter beside": zipped({"a.csv": CONTENT, "read me.txt": b"The password comes by letter."}),
    "pictures beside": zipped({"a.csv": CONTENT, "a.jpg": b"\xff\xd8\xff\0\1\2" * 500}),
    "damaged workbook": workbook({"Loans": LOANS})[:-40],
    "values": as_json({**LOAN, "product": "password", "tags": ["cvv"]}),
}


@pytest.mark.parametrize("content", SOUND.values(), ids=SOUND)
def test_what_names_no_forbidden_column_is_left_to_the_workbench(content):
    refuse_forbidden(io.BytesIO(content))


def locked(content: bytes) -> bytes:
    """The archive with the mark of a password on its last member."""
    at = content.rindex(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


TWO = zipped({"a.csv": CONTENT, "b.csv": LOGINS.encode()})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({"a.csv": CONTENT, "b.zip": TWO}), "archive_nested"),
        (gzip.compress(TWO), "archive_nested"),
        (locked(TWO), "archive_protected"),
    ],
)
def test_what_nobody_can_look_into_is_not_kept(content, code):
    with pytest.raises(InvalidInput) as refusal:
        refuse_forbidden(io.BytesIO(content))
    assert refusal.value.code == code


def test_an_archive_is_looked_through_in_measure(monkeypatch, settings):
    books = {f"{n}.xlsx": workbook({"A": LOANS}) for n in range(3)}
    refuse_forbidden(io.BytesIO(zipped(books)))
    monkeypatch.setattr(every_header, "MAX_WORKBOOKS", 2)
    with pytest.raises(InvalidInput) as many:
        refuse_forbidden(io.BytesIO(zipped(books)))
    settings.MAX_TAPE_BYTES = 10_000
    with pytest.raises(InvalidInput) as large:
        refuse_forbidden(io.BytesIO(zipped({"a.csv": b"x" * 6_000, "b.csv": b"y" * 6_000})))
    assert many.value.code == large.value.code == "file_too_large"


def test_keys_that_are_values_need_bounded_memory(monkeypatch):
    monkeypatch.setattr(every_header, "_KNOWN_KEYS", 3)
    days = {f"2024-01-{day:02d}": 1 for day in range(1, 29)}
    refuse_forbidden(io.BytesIO(as_json({**LOAN, "paid": days})))
    with pytest.raises(InvalidInput):
        refuse_forbidden(io.BytesIO(as_json({**LOAN, "paid": days}, {"paid": {"cvv": 1}})))

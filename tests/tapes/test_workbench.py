"""The workbench: what it proposes, what people change, what is saved and imported."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from npa_market.common.errors import InvalidInput, NotPermitted
from npa_market.evidence.models import Entry
from npa_market.tapes.combining import combined_of, entries_of
from npa_market.tapes.mapping import shipped_documents
from npa_market.tapes.mapping_store import fitting_mapping, save_mapping
from npa_market.tapes.models import Loan, SellerMapping, Tape, Upload
from npa_market.tapes.services import import_tape
from tests.tapes.conftest import ROW, csv_of, rows_of

HEADER = "编号,客户号,剩余本金（万元）,核销日,法诉状态,备注"
LINES = "A-1,C-1,1.25,45292,未起诉,张伟国\nA-2,C-2,0.5,45300,已判决,李四方\n合计,,1.75,,,\n"
FOREIGN = f"{HEADER}\n{LINES}".encode()


@pytest.fixture
def upload(as_user, seller_user):
    """A file without a mapping, through the page."""

    def run(content: bytes = FOREIGN, name: str = "cards.csv") -> Upload:
        form = {
            "file": SimpleUploadedFile(name, content),
            "mapping": "",
            "currency": "CNY",
            "cut_off_date": "2025-12-31",
        }
        answer = as_user(seller_user).post(reverse("tapes:upload"), form)
        assert answer.status_code == 302, answer.content.decode()
        return Upload.objects.get(pk=answer.url.strip("/").split("/")[-1])

    return run


@pytest.fixture
def bench(as_user, seller_user):
    client = as_user(seller_user)

    class Bench:
        def open(self, upload: Upload, query: str = ""):
            self.address = upload.get_absolute_url()
            return client.get(self.address + query)

        def send(self, answer, **changes):
            """The form as the page shows it, with changes; None takes a field out."""
            shown = answer.context["bench"]
            form: dict[str, str] = {
                "title": answer.context["title"],
                "keep_column": shown.keep_column,
                "keep_values": shown.keep_values,
                "footers": shown.footers,
                "further": answer.context["further"],
            }
            for line in shown.lines:
                at = line.proposal.position
                form |= {f"target_{at}": line.target}
                form |= {f"reading_{at}": line.reading} if line.readings else {}
                form |= {f"code_{at}_{n}": code for n, (_, code) in enumerate(line.codes)}
                if line.is_accepted:
                    form[f"take_{at}"] = "on"
            for at, row in shown.rows:
                form |= {
                    f"further_{at}_field": row.field,
                    f"further_{at}_how": row.how,
                    f"further_{at}_value": row.value,
                    f"further_{at}_words": row.words,
                    f"further_{at}_rest": row.rest,
                }
                form |= {f"further_{at}_days_{n}": days for n, days in enumerate(row.days)}
                for place, column, is_minus in row.places:
                    form[f"further_{at}_column_{place}"] = column
                    form[f"further_{at}_sign_{place}"] = "-" if is_minus else ""
                form |= {f"further_{at}_round": "on"} if row.is_rounded else {}
                form |= {f"further_{at}_floor": "on"} if row.has_floor else {}
            form |= changes
            return client.post(
                self.address, {name: text for name, text in form.items() if text is not None}
            )

    return Bench()


def test_a_foreign_file_is_mapped_previewed_saved_and_imported(upload, bench):
    page = bench.open(upload())
    text = page.content.decode()
    assert (
        page.context["bench"].document("CNY")["fields"]["principal_minor"]["unit"] == "ten_thousand"
    )
    assert "12,500.00" in text
    assert "2024-01-01" in text
    assert "张伟国" not in text
    answer = bench.send(page, do="import", title="Cards")
    tape = Tape.objects.get()
    assert (answer.status_code, answer.url) == (302, tape.get_absolute_url())
    assert (tape.mapping, tape.saved_mapping.title) == ("cards@1", "Cards")
    tape = import_tape(tape_id=tape.pk)
    assert (tape.rows_read, tape.rows_imported) == (2, 2)
    loans = Loan.objects.order_by("row_number")
    assert [loan.principal_minor for loan in loans] == [1_250_000, 500_000]
    assert [loan.litigation_status for loan in loans] == ["not_sued", "judged"]


def test_the_saved_mapping_is_proposed_for_the_next_file_and_differences_are_named(upload, bench):
    page = bench.open(upload())
    assert bench.send(page, do="save", title="Cards").status_code == 302
    more = FOREIGN.replace(b"A-1", b"A-9").replace("备注".encode(), "说明".encode())
    page = bench.open(upload(more, "next.csv"))
    assert page.context["fitting"].reference == "cards@1"
    assert page.context["changes"].added == ("说明",)
    assert page.context["changes"].gone == ("备注",)
    assert "说明" in page.content.decode()
    bench.send(page, do="save", title="Cards")
    assert [saved.reference for saved in SellerMapping.objects.all()] == ["cards@2", "cards@1"]


def test_a_changed_field_gets_a_way_of_reading_that_suits_it(upload, bench):
    page = bench.open(upload())
    answer = bench.send(page, target_5="product", take_5="on", do="check")
    assert answer.context["bench"].document("CNY")["fields"]["product"] == {
        "as": "text",
        "from": "备注",
    }
    answer = bench.send(page, target_3="default_date", do="check")
    entry = answer.context["bench"].document("CNY")["fields"]["default_date"]
    assert entry["formats"] == ["excel"]


def test_words_of_a_list_are_given_their_codes(upload, bench):
    page = bench.open(upload(FOREIGN.replace("已判决".encode(), "赢了".encode())))
    codes = dict(page.context["bench"].lines[4].codes)
    assert codes == {"未起诉": "not_sued", "赢了": ""}
    assert "code_unknown" not in page.content.decode()
    answer = bench.send(page, code_4_1="judged", do="check")
    assert not [row for row in answer.context["preview"].found if row[1] == "reject"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"take_0": None}, "(loan_number) is required"),
        ({"target_5": "principal_minor", "take_5": "on"}, "Two columns fill"),
        ({"further": "{"}, "no JSON"),
        ({"further": "[" * 5_000}, "no JSON"),
        ({"reading_0": "[" * 5_000, "take_0": None}, "(loan_number) is required"),
        ({"further": '["x"]'}, "one object"),
        ({"further": '{"product": {"as": "guess"}}'}, "unknown transform"),
        ({"further": '{"hair": {"as": "text", "from": "备注"}}'}, "no field"),
        ({"title": " "}, "title"),
    ],
)
def test_what_cannot_be_a_mapping_is_said_and_nothing_is_saved(changes, words, upload, bench):
    page = bench.open(upload())
    answer = bench.send(page, do="import", **changes)
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&quot;", '"')
    assert not SellerMapping.objects.exists()
    assert not Tape.objects.exists()


def test_rows_can_be_filtered_and_constants_added(upload, bench):
    page = bench.open(upload())
    constant = json.dumps({"product": {"as": "constant", "value": "Card"}})
    bench.send(
        page,
        further=constant,
        keep_column="法诉状态",
        keep_values="未起诉",
        do="import",
        title="Only not sued",
    )
    tape = import_tape(tape_id=Tape.objects.get().pk)
    assert (tape.rows_read, tape.rows_imported) == (2, 1)
    assert Loan.objects.get().product == "Card"


def row_of_form(at: int, field: str, how: str, *columns: str, **more: str) -> dict[str, str]:
    """A row of the form for further fields."""
    form = {f"further_{at}_field": field, f"further_{at}_how": how}
    form |= {f"further_{at}_column_{place}": column for place, column in enumerate(columns)}
    return form | {f"further_{at}_{name}": value for name, value in more.items()}


SEVERAL = (
    "编号,客户号,旧客户号,放款,已还,利息甲,利息乙,减免,末次还款,放款日\n"
    "A-1,,K-1,1000.10,400.05,10,5.5,0.5,2024-03-01,2023-01-01\n"
    "A-2,C-2,K-2,500,100,1,2,9,,2023-02-01\n"
).encode()


def test_fields_of_several_columns_are_filled_by_a_form(upload, bench):
    page = bench.open(upload(SEVERAL, "several.csv"))
    text = page.content.decode()
    assert "– add a field –" in text
    rows = [
        row_of_form(0, "borrower_key", "either", "客户号", "旧客户号"),
        row_of_form(1, "principal_minor", "difference", "放款", "已还", round="on"),
        row_of_form(2, "interest_minor", "sum", "利息甲", "利息乙", "减免", sign_2="-", floor="on"),
        row_of_form(3, "charge_off_date", "date_after", "末次还款", "放款日", days_0="150",
                    days_1="180", words="150 days after the last payment"),
        row_of_form(4, "product", "constant", value="Card"),
        row_of_form(5, "annual_rate_bp", "constant", value="18.25%"),
        row_of_form(6, "fees_minor", "constant", value="1.50"),
    ]  # fmt: skip
    takes = {f"take_{at}": "on" if at == 0 else None for at in range(10)}
    targets = {f"target_{at}": "loan_number" if at == 0 else "" for at in range(10)}
    form = {name: value for row in rows for name, value in row.items()}
    shown = bench.send(page, **takes, **targets, **form, do="check")
    assert shown.status_code == 200, shown.context.get("fault")
    assert [row.how for row in shown.context["bench"].combined] == [
        "either", "difference", "sum", "date_after", "constant", "constant", "constant",
    ]  # fmt: skip
    bench.send(shown, do="import", title="Several")
    tape = import_tape(tape_id=Tape.objects.get().pk)
    first, second = Loan.objects.order_by("row_number")
    assert (first.principal_minor, second.principal_minor) == (60_005, 40_000)
    assert (first.interest_minor, second.interest_minor) == (1_500, 0)
    assert (first.charge_off_date.isoformat(), second.charge_off_date.isoformat()) == (
        "2024-07-29",
        "2023-07-31",
    )
    assert (first.product, first.annual_rate_bp, first.fees_minor) == ("Card", 1825, 150)
    assert "150 days after the last payment" in str(tape.findings)
    again = bench.open(upload(SEVERAL.replace(b"A-1", b"B-1"), "next.csv"))
    assert again.context["further"] == ""
    saved = SellerMapping.objects.get().document["fields"]
    assert again.context["bench"].document("CNY")["fields"] == saved


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (row_of_form(0, "interest_minor", "difference", "备注"), "at least the first two columns"),
        (row_of_form(0, "interest_minor", "sum", "备注", "no such"), "no column of the file"),
        (row_of_form(0, "product", "constant"), "needs a value"),
        (row_of_form(0, "sex", "constant", value="x"), "takes one of f, m"),
        (row_of_form(0, "term_months", "constant", value="1.5"), "needs a whole number"),
        (row_of_form(0, "term_months", "constant", value="nan"), "needs a number of 0"),
        (row_of_form(0, "fees_minor", "constant", value="1.005"), "decimal"),
        (row_of_form(0, "last_payment_date", "date_after", "核销日", "核销日", words="x",
                     days_0="-1"), "whole numbers of days"),
        (row_of_form(0, "days_overdue", "days_to_cut_off", "核销日", "核销日"), "words that say"),
        (row_of_form(0, "receipts", "sum"), "one column alone"),
        (row_of_form(0, "principal_minor", "difference", "备注", "备注"), "fills"),
        ({**row_of_form(0, "product", "constant", value="a"),
          **row_of_form(1, "product", "constant", value="b")}, "filled twice"),
        ({**row_of_form(0, "product", "constant", value="a"),
          "further": '{"product": {"as": "constant", "value": "b"}}'}, "filled twice"),
    ],
)  # fmt: skip
def test_a_further_field_that_lacks_a_part_is_said_by_its_name(row, words, upload, bench):
    answer = bench.send(bench.open(upload()), do="import", **row)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Tape.objects.exists()


@pytest.mark.parametrize("name", ["lending_club", "prosper", "sba_7a"])
def test_a_shipped_mapping_comes_back_from_the_form_as_it_is(name):
    entries = {
        field: entry
        for field, entry in shipped_documents()[name]["fields"].items()
        if entry["as"] in {"constant", "difference", "sum", "date_after", "days_to_cut_off"}
        or "fallback" in entry
    }
    header = list(dict.fromkeys(columns_named(entries)))
    rows, others = combined_of(entries, header, "USD")
    assert entries
    assert rows
    back = entries_of(rows, header, "USD") | others
    plain = {field: without_other_spellings(entry) for field, entry in entries.items()}
    assert {field: without_other_spellings(entry) for field, entry in back.items()} == plain


def columns_named(entries):
    for entry in entries.values():
        for part in [entry, *entry.get("terms", ())]:
            for option in ("from", "minus", "fallback"):
                if option in part:
                    yield part[option] if isinstance(part[option], str) else part[option][0]


def without_other_spellings(entry):
    """An entry with one spelling per column, and no sign where a term is added."""
    if isinstance(entry, dict):
        return {
            key: without_other_spellings(value)
            for key, value in entry.items()
            if (key, value) != ("sign", "+")
        }
    if isinstance(entry, list) and entry and isinstance(entry[0], str):
        return entry[0]
    return [without_other_spellings(each) for each in entry] if isinstance(entry, list) else entry


def test_a_wide_file_weighs_little_and_shows_the_rest_when_asked(upload, bench):
    names = [f"reserve {number}" for number in range(500 - len(ROW))]
    rows = [{**row, **dict.fromkeys(names, "x")} for row in rows_of({}, {})]
    page = bench.open(upload(csv_of(rows).encode(), "wide.csv"))
    assert len(page.content) < 150_000
    assert page.context["bench"].idle == len(names)
    assert b"Show them" in page.content
    shown = bench.send(page, do="show")
    assert b'id="line-499"' in shown.content
    assert b"Show them" not in shown.content
    assert len(shown.content) < 400_000
    assert page.content.count(b'<option value="charge_off_date"') == 3  # line, form, template
    everything = bench.open(Upload.objects.get(), "?choices=all")
    assert everything.content.count(b'<option value="charge_off_date"') >= 500


def test_how_the_file_is_read_can_be_overruled_and_is_kept_with_the_mapping(
    upload, bench, as_user, seller_user
):
    received = upload(("标题;一\n" + FOREIGN.decode().replace(",", ";")).encode("gb18030"))
    client = as_user(seller_user)
    stated = {"encoding": "gb18030", "delimiter": ";", "header_row": "2", "member": "", "sheet": ""}
    client.post(reverse("tapes:layout", args=[received.pk]), stated)
    page = bench.open(received)
    assert page.context["sample"].header_row == 2
    bench.send(page, do="import", title="Semicolons")
    tape = import_tape(tape_id=Tape.objects.get().pk)
    assert (tape.rows_imported, tape.layout["header_row"]) == (2, 2)
    assert SellerMapping.objects.get().layout["header_row"] == 2


def test_a_known_layout_is_taken_as_its_mapping_reads_it(upload, bench):
    page = bench.open(upload(csv_of(rows_of({}, {})).encode()))
    assert "Venue standard" in page.context["bench"].origin
    assert page.context["preview"].rejected == 0
    assert all(line.is_accepted for line in page.context["bench"].lines)
    for secret in (ROW["姓名"], ROW["身份证号"], ROW["手机号"]):
        assert secret not in page.content.decode()


def test_spoilt_id_numbers_are_explained_before_anything_is_imported(upload, bench):
    content = csv_of(rows_of({"身份证号": "1.10101E+17"})).encode()
    assert "last digits are lost" in bench.open(upload(content)).content.decode()


def test_a_file_that_cannot_be_read_shows_the_refusal_and_how_to_overrule(upload, bench):
    page = bench.open(upload(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40))
    assert page.status_code == 422
    assert "binary content" in page.content.decode()
    assert "Read the file otherwise" in page.content.decode()


def test_an_imported_file_leads_to_its_tape_and_a_discarded_one_says_so(
    upload, bench, as_user, seller_user
):
    received = upload()
    bench.send(bench.open(received), do="import", title="Cards")
    assert bench.open(received).url == Tape.objects.get().get_absolute_url()
    other = upload(FOREIGN.replace(b"A-1", b"B-1"))
    as_user(seller_user).post(reverse("tapes:discard_upload", args=[other.pk]))
    assert "discarded" in bench.open(other).content.decode()


def test_saving_is_evidenced_versioned_and_for_analysts_alone(seller, seller_user, buyer_user):
    fields = {
        "loan_number": {"as": "text", "from": "id"},
        "borrower_key": {"as": "text", "from": "id"},
        "principal_minor": {"as": "money", "from": "p"},
    }
    values = {"seller": seller, "title": "卡", "header": ["id", "p"]}
    saved = save_mapping(user=seller_user, document={"fields": fields}, **values)
    again = save_mapping(user=seller_user, document={"fields": fields}, **values)
    assert again == saved
    entry = Entry.objects.about(saved.pk).last()
    assert entry.type == "mapping.saved"
    fields = {**fields, "grade": {"as": "text", "from": "g"}}
    other = save_mapping(user=seller_user, document={"fields": fields}, **values)
    assert (other.name, other.version) == (saved.name, 2)
    with pytest.raises(NotPermitted):
        save_mapping(user=buyer_user, document={"fields": fields}, **values)
    assert fitting_mapping(seller, ["P", " ID "]) == other
    assert fitting_mapping(seller, ["P"]) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"fields": []},
        {"fields": {"loan_number": "id"}},
        {"fields": {}, "footer": ["(a+)+$"]},
        {"fields": {}, "keep_rows": {"column": "x"}},
    ],
)
def test_documents_of_any_shape_are_refused_in_words(document, seller, seller_user):
    with pytest.raises(InvalidInput) as refusal:
        save_mapping(user=seller_user, seller=seller, title="x", document=document, header=["id"])
    assert refusal.value.code == "mapping_wrong"

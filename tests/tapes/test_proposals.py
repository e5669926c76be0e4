"""What a file's columns are taken for, and what is never shown of them."""

import io
from datetime import date

import pytest

from npa_market.tapes.dictionary import FIELDS
from npa_market.tapes.mapping import Setting, folded_header, mapping_named, parse_mapping
from npa_market.tapes.proposals import EXPONENT_WORDS, SURE, proposals
from npa_market.tapes.reading import open_source
from npa_market.tapes.synthetic.layout import make_tape
from npa_market.tapes.vocabulary import named_fields
from tests.tapes.conftest import CUT_OFF, DATA, ROW

SETTING = Setting("CNY", CUT_OFF)


def proposed(columns: dict[str, list[str]], setting: Setting = SETTING):
    rows = list(zip(*columns.values(), strict=True))
    return {each.column: each for each in proposals(list(columns), rows, setting)}


def one(column: str, *cells: str, setting: Setting = SETTING):
    return proposed({column: list(cells)}, setting)[column]


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_column_of_the_standard_layout_finds_its_field(locale):
    tape = make_tape(loans=200, seed=3, locale=locale, cut_off_date=CUT_OFF)
    rows = [list(map(str, row)) for row in tape.rows()]
    standard = mapping_named("npa_standard")
    fields = {source.options["from"]: source.field.name for source in standard.sources}
    for each in proposals(tape.header, rows, SETTING):
        assert each.target == fields[standard.aliases[folded_header(each.column)]]
        assert each.is_sure


PUBLIC = {
    "prosper": (
        "prosper/prosper_loans_part1.csv",
        "borrower_key principal_minor charge_off_date annual_rate_bp origination_date province",
    ),
    "eba_npl": (
        "openrisk_npl/synthetic_data_1.json.gz",
        "borrower_key principal_minor charge_off_date default_date origination_date",
    ),
    "lending_club": (
        "lendingclub_native/sample_2000.csv.gz",
        "loan_number origination_date last_payment_date annual_rate_bp province term_months "
        "received_minor",
    ),
    "sba_7a": (
        "sba_case/SBAcase.11.13.17.csv",
        "loan_number principal_minor charge_off_date origination_date province",
    ),
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_vocabularies_are_proposed_as_their_shipped_mapping_reads_them(name):
    path = DATA / PUBLIC[name][0]
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the project")
    with open_source(io.BytesIO(path.read_bytes())) as source:
        header, *rows = source.first_rows(400)
    found = {
        each.target: each for each in proposals(header, rows, Setting("USD", date(2019, 12, 31)))
    }
    shipped = {source.field.name: source for source in mapping_named(name).sources}
    for field in PUBLIC[name][1].split():
        assert found[field].column == shipped[field].options["from"], field
        for option in ("formats", "suffix"):
            if option == "formats" and found[field].entry.get(option):
                assert set(found[field].entry[option]) <= set(shipped[field].options[option])


@pytest.mark.parametrize(
    ("column", "cells", "field", "entry"),
    [
        ("核销日期", ["45292", "45300"], "charge_off_date", {"formats": ["excel"]}),
        ("ChgOffDate", ["18641", "18189"], "charge_off_date", {"formats": ["days_since_1960"]}),
        ("issue date", ["930705", "981208"], "origination_date", {"formats": ["%y%m%d"]}),
        ("LoanOriginationQuarter date", ["Q3 2007"], "", None),
        ("放款日期", ["31/12/2023", "01/02/2023"], "origination_date", {"formats": ["%d/%m/%Y"]}),
        ("剩余本金（万元）", ["1.25", "0.5"], "principal_minor", {"unit": "ten_thousand"}),
        ("本金余额(分)", ["12500"], "principal_minor", {"unit": "minor"}),
        ("principal", ["1.234,56", "7,50"], "principal_minor", {"decimal": ","}),
        ("LP_CollectionFees", ["-25.26", ".00"], "collection_cost_minor", {"negated": True}),
        ("利率", ["0.1825", "0.24"], "annual_rate_bp", {"as": "fraction"}),
        ("利率", ["18.25", "24"], "annual_rate_bp", {"as": "percent_points"}),
        ("利率", ["18.25%"], "annual_rate_bp", {"as": "percent_text"}),
        ("term", [" 36 months", " 60 months"], "term_months", {"suffix": "months"}),
        ("性别", ["男", "女"], "sex", {"table": {"男": "m", "女": "f"}}),
    ],
)
def test_the_way_of_reading_comes_from_the_values(column, cells, field, entry):
    found = one(column, *cells)
    assert found.target == field
    for option, value in (entry or {}).items():
        assert found.entry[option] == value


COMMAS = ["1234,56", "17,5", "2048,00", "99,90"]


@pytest.mark.parametrize(
    ("cells", "decimal", "is_sure"),
    [
        (COMMAS, ",", True),
        ([*COMMAS * 10, "tbd"], ",", True),  # One other cell changes no other.
        (["1 234,56", "7,00"], ",", True),
        (["1234,56", "17,50", "12.50"], ",", False),
        (["1.234,56", "999.00"], ".", False),
        (["1.234,56", "2.500"], ",", False),
        (["1.234", "5.678"], ".", False),
        (["12.500", "3.250"], ".", False),
        (["12,345", "1,200"], ".", True),
        (["12,345.50", "999"], ".", True),
        (["12,3456", "1,2"], ".", False),
    ],
)
def test_a_decimal_comma_is_never_taken_for_a_group(cells, decimal, is_sure):
    found = one("Principal", *cells, setting=Setting("EUR", CUT_OFF))
    assert found.target == "principal_minor"
    assert (found.entry.get("decimal", "."), found.is_sure) == (decimal, is_sure)


def test_amounts_that_read_in_two_ways_name_both():
    found = one("Principal", "12.500", "3.250", setting=Setting("EUR", CUT_OFF))
    assert found.confidence < SURE
    assert "“amount, 1,234.50” reads 12.50, “amount, 1.234,50” reads 12,500.00" in found.reasons[-1]


@pytest.mark.parametrize(
    ("cells", "form", "words"),
    [
        (["03/01/2025", "04/01/2025"], "%d/%m/%Y", ("3 January 2025", "1 March 2025")),
        (["03/01/2025"] * 300 + ["03/13/2025"], "%m/%d/%Y", ("1 March 2025", "3 January 2025")),
        (["03/01/2025", "03/13/2025"], "%m/%d/%Y", ()),
        (["31/12/2024", "03/01/2025"], "%d/%m/%Y", ()),
        (["12-31-2024", "03-01-2025"], "%m-%d-%Y", ()),
        (["31-12-2024", "03-01-2025"], "%d-%m-%Y", ()),
        (["03-01-2025", "04-01-2025"], "%d-%m-%Y", ("3 January 2025", "1 March 2025")),
        (["03/03/2025", "04/04/2025"], "%d/%m/%Y", ()),  # The same day either way.
    ],
)
def test_a_day_that_may_be_a_month_is_asked_for(cells, form, words):
    found = one("Charge-off date", *cells, setting=Setting("USD", CUT_OFF))
    assert found.target == "charge_off_date"
    assert found.entry["formats"] == [form]
    assert found.is_sure == (not words)
    for word in ("day first", "month first", *words) if words else ():
        assert word in found.reasons[-1]


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ([ROW["身份证号"], "11010119900307811X"], "id_number"),
        ([ROW["手机号"], "+8613800001111"], "mobile"),
        (["广东", "四川省"], "province"),
        (["可疑", "损失"], "grade"),
        (["17", "18"], ""),
    ],
)
def test_values_speak_where_the_name_says_nothing(cells, field):
    assert one("X1", *cells).target == field


def test_a_name_that_its_values_contradict_is_not_sure():
    found = one("核销日期", "yes", "no", "maybe")
    assert found.confidence < SURE
    assert "only 0%" in " ".join(found.reasons)


def test_each_field_is_proposed_once_and_the_better_column_gets_it():
    found = proposed({"手机号": ["13812340000"], "联系电话": ["x"], "本人手机": ["13812340001"]})
    assert [each.target for each in found.values()].count("mobile") == 1
    assert found["手机号"].target == "mobile" or found["本人手机"].target == "mobile"


@pytest.mark.parametrize("spoilt", ["1.10101E+17", "1.1010119900307838E+17", "110101199003078000"])
def test_id_numbers_that_a_spreadsheet_spoilt_are_explained(spoilt):
    assert one("身份证号", spoilt, spoilt).warning == EXPONENT_WORDS
    assert not one("身份证号", ROW["身份证号"]).warning


@pytest.mark.parametrize(
    ("column", "secret"),
    [
        ("姓名", "张伟国"), ("X", "张伟国"), ("身份证号", ROW["身份证号"]),
        ("备注", ROW["身份证号"]),
        ("手机号", ROW["手机号"]), ("备注", f"打{ROW['手机号']}"), ("家庭住址", "北京市东城区1号"),
        ("Employer name", "Acme Ltd"), ("紧急联系人", "李四方"), ("e-mail", "a.b@example.com"),
    ],
)  # fmt: skip
def test_samples_never_show_an_identity(column, secret):
    assert not any(secret in sample for sample in one(column, secret, secret).samples)


def test_every_spelling_of_the_vocabularies_belongs_to_a_field():
    import json
    from pathlib import Path

    folder = Path(named_fields.__code__.co_filename).with_name("vocabularies")
    headers = json.loads((folder / "headers.json").read_text(encoding="utf-8"))
    assert set(headers) == set(FIELDS)
    codes = json.loads((folder / "codes.json").read_text(encoding="utf-8"))
    for field, words in codes.items():
        if FIELDS[field].codes:
            assert set(words.values()) <= set(FIELDS[field].codes)


def test_days_become_the_date_before_the_cut_off():
    from npa_market.tapes.frames import read_chunk

    base = {
        "loan_number": {"as": "text", "from": "id"},
        "borrower_key": {"as": "text", "from": "id"},
        "principal_minor": {"as": "money", "from": "p"},
        "default_date": {"as": "days_before_cut_off", "from": "dpd", "derived": "stated"},
    }
    mapping = parse_mapping(
        {"name": "m", "version": 1, "title": "M", "description": "", "fields": base}
    )
    cells = {"id": ["1"] * 3, "p": ["1"] * 3, "dpd": ["30", "x", ""]}
    column = read_chunk(mapping, cells, SETTING)["default_date"]
    assert column.values[0].date() == date(2025, 12, 1)
    assert column.is_bad.tolist() == [False, True, False]
    assert column.is_missing.tolist() == [False, False, True]

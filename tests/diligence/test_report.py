"""The PDF: it adds up, says what it lacks, labels values, and holds nothing it must not."""

import hashlib
import io
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pypdf import PdfReader

from npa_market.common.money import format_minor
from npa_market.diligence.report import attached
from npa_market.diligence.report.build import build_report
from npa_market.diligence.report.inputs import REFERENCE_WORDS, ReportDoesNotAddUp
from npa_market.diligence.report.reader import Reader, stamped
from npa_market.diligence.report.segments import segment_lines
from npa_market.packages.attached import reached_by
from npa_market.packages.history_classes import tables_of
from npa_market.packages.history_rows import Members
from tests.diligence.frames import (
    CUT_OFF,
    REPORTED_AT,
    SELLERS_RATE,
    priced,
    report_inputs,
    with_fitted,
)

STRATIFICATIONS = {
    "T6": "Balance per loan",
    "T7": "Days overdue",
    "T8": "Vintage",
    "T9": "Year of origination",
    "T10": "Product",
    "T11": "Province",
    "T11a": "City tier",
    "T12": "Age of the borrower",
    "T13": "Sex",
    "T14": "Yearly rate",
    "T16": "Grade",
    "T18": "Last payment",
    "T20": "Loans per borrower",
    "T22": "Litigation status",
    "T27": "Contactability",
    "T33": "Prior placements",
}


def pages_of(content: bytes) -> list[str]:
    """Text of each page, runs of white space made one space."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


@cache
def content_of(loans: int, currency: str = "CNY", *, dated: bool = True) -> bytes:
    """The PDF of `report_inputs`, built once: the same inputs give the same bytes (tested)."""
    return build_report(report_inputs(loans, currency, dated=dated)).content


@pytest.fixture(scope="module")
def cny():
    return report_inputs(60), pages_of(content_of(60))


@pytest.fixture(scope="module")
def usd():
    return report_inputs(60, "USD", dated=False), pages_of(content_of(60, "USD", dated=False))


@pytest.mark.parametrize(("loans", "currency"), [(1, "CNY"), (60, "USD"), (5_000, "CNY")])
def test_a_report_of_any_size_has_at_least_8_pages_numbered_to_the_last(loans, currency):
    pages = pages_of(content_of(loans, currency))
    assert len(pages) >= 8
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in text


def test_key_figures_are_the_totals_of_the_sealed_rows(cny):
    inputs, pages = cny
    frame, text = inputs.frame, pages[2]
    total = int((frame["principal_minor"] + frame["interest_minor"]).sum())
    assert f"Loans {len(frame)}" in text
    assert f"Borrowers {frame['borrower_token'].nunique()}" in text
    assert f"Principal {format_minor(int(frame['principal_minor'].sum()), 'CNY')}" in text
    assert f"Total = principal + interest {format_minor(total, 'CNY')}" in text
    assert f"Claim = total + fees {format_minor(int(frame['claim_minor'].sum()), 'CNY')}" in text


@pytest.mark.parametrize("number", STRATIFICATIONS)
def test_each_stratification_is_there_with_a_total_row_equal_to_the_package(cny, number):
    inputs, pages = cny
    package, text = inputs.package, " ".join(pages[2:])
    begin = text.index(f"{number} {STRATIFICATIONS[number]}")
    total = (
        f"Total {package.loans} {package.borrowers} "
        f"{format_minor(package.principal_minor, 'CNY')} "
        f"{format_minor(package.total_minor, 'CNY')} 100.0 %"
    )
    rest = text[begin + 4 :]
    following = re.search(r" [TC]\d+a? [A-Z0-9]| What is missing", rest)
    assert following is not None
    assert total in rest[: following.start()]


def test_every_page_carries_package_hash_cut_off_and_report_date(cny):
    inputs, pages = cny
    for text in pages:
        assert "PKG-2026-0042 v1" in text
        assert inputs.package.content_sha256[:16] in text
        assert "report date 24 Nov 2026 03:31 UTC" in text
    for text in pages[1:]:
        assert "Cut-off date 30 Jun 2026" in text
    assert "cut-off date 30 June 2026" in pages[0]


def test_each_page_with_a_value_says_reference_not_fitted(cny):
    inputs, pages = cny
    value = inputs.valuation
    amounts = {
        format_minor(each, "CNY") for each in (value.price_minor, *dict(value.quantiles).values())
    }
    amounts |= {format_minor(quarter.net_minor, "CNY") for quarter in value.quarters}
    valued = [text for text in pages if amounts & set(re.findall(r"[\d,]+\.\d\d", text))]
    assert len(valued) >= 4
    assert all(REFERENCE_WORDS in text for text in valued)


def test_a_fitted_calibration_is_named_and_not_called_a_reference():
    pages = pages_of(build_report(with_fitted(report_inputs(60))).content)
    assert not any(REFERENCE_WORDS in text for text in pages)
    assert any("Values on this page: calibration east-2026" in text for text in pages)


def test_a_level_that_was_asked_for_stands_among_the_assumptions(cny):
    inputs, pages = cny
    doubled = replace(inputs, valuation=replace(inputs.valuation, level=2.0))
    words = "Level of payments 200.0 % of the calibration's odds, asked for in this run"
    assert any(words in text for text in pages_of(build_report(doubled).content))
    assert not any("asked for in this run" in text for text in pages)


@pytest.mark.parametrize("currency", ["CNY", "USD"])
def test_the_reserve_and_the_sellers_own_rate_are_nowhere(currency, cny, usd):
    _, pages = cny if currency == "CNY" else usd
    result, _ = priced(60, currency)
    text = " ".join(pages)
    assert "reserve" not in text.lower()
    assert format_minor(round(result.seller_reserve * 100), currency) not in text
    assert str(SELLERS_RATE) not in text
    assert "seller_rate" not in text


def test_another_rate_of_the_seller_changes_no_byte_of_the_report():
    assert build_report(report_inputs(60, sellers_rate=0.4)).content == content_of(60)


def test_the_hash_of_the_valuations_inputs_is_of_the_printed_text(cny):
    inputs, pages = cny
    sheet = pages[-1].replace(" ", "")
    printed = re.search(r"canonicalJSON(\{.*?\}\})", sheet)
    assert printed is not None
    assert hashlib.sha256(printed[1].encode()).hexdigest() in sheet
    assert inputs.valuation.inputs_sha256 in sheet


def test_chinese_values_can_be_copied_out_of_the_text(cny):
    text = " ".join(cny[1])
    for words in ("个人消费不良贷款", "华东消费金融有限公司", "江苏", "消费贷款", "交易基准日"):
        assert words in text


def test_dated_receipts_add_up_to_what_was_received(cny):
    inputs, pages = cny
    received = format_minor(int(inputs.frame["received_minor"].sum()), "CNY")
    text = " ".join(pages)
    assert re.search(rf"Total since charge-off \d+ {re.escape(received)} ", text)
    assert "C6 Gross receipts by month" in text
    assert "C7 Cumulative receipts by charge-off year" in text


def test_undated_receipts_are_a_total_and_the_report_says_why(usd):
    inputs, pages = usd
    received = format_minor(int(inputs.frame["received_minor"].sum()), "USD")
    text = " ".join(pages[2:])
    assert f"Month not stated {(inputs.frame['received_minor'] > 0).sum()} {received}" in text
    assert "not in which month" in text
    assert "C6 Gross receipts by month" not in text


def test_k5_the_screen_shows_no_figure_of_fewer_than_five_borrowers_nor_a_sum_with_it():
    base = report_inputs(40)
    few = dict(base.package.screen_results[0])
    many = few | {"title": "Settled", "hits": 7, "borrowers": 7, "excluded": 7}

    def text(*results):
        package = replace(base.package, screen_results=results)
        return " ".join(pages_of(build_report(replace(base, package=package)).content))

    both = text(few, many)
    assert "Borrower deceased taken out – fewer than 5 – – –" in both
    assert "Settled taken out 7 7 7 3,000.00 4,000.00" in both
    assert "Taken out by the screen" not in both
    assert "10 loans" not in both
    assert "Taken out by the screen 7" in text(many)


def test_what_a_chapter_lacks_is_said_in_words(cny):
    text = " ".join(cny[1])
    for number in ("T23", "T24", "T26", "T28", "T30", "T31", "T32", "T35", "T40", "T41", "T43"):
        assert number in text
    assert "No lot had been announced" in text
    assert "Open, because no field of the tape answers it: secured." in text


REACH = {"reach": "some", "rows": 1_234, "loans": 50, "borrowers": 30}


@pytest.mark.parametrize(
    ("histories", "says"),
    [
        (None, "sealed without saying whether a {} is attached"),
        ({}, "no {} was attached to its loans"),
        ({"reach": "few"}, "a {} was attached to loans of fewer than five borrowers"),
        ({"reach": "most"}, "a {} was attached to its loans, all but those of fewer than five"),
    ],
)
def test_words_follow_what_was_attached_at_sealing(histories, says):
    kinds = dict.fromkeys(attached.NAMES, histories) if histories else histories
    text = text_with(kinds)
    for kind in ("contacts", "legal", "complaints", "documents", "placements"):
        assert says.format(attached.NAMES[kind]) in text
    for untrue in ("No inventory of files was given", "names no agency", "holds no contact log"):
        assert untrue not in text


def test_an_attached_history_is_counted_in_words():
    text = text_with(dict.fromkeys(attached.NAMES, REACH))
    for kind in ("contacts", "legal", "complaints", "documents", "placements"):
        words = f"a {attached.NAMES[kind]} was attached: 1,234 entries on 50 of 60 loans."
        assert words in text
    assert "no contact log was attached" not in text


def frozen(inputs, days):
    """Histories on the loans of the inputs, as sealing freezes them; days: of the contacts."""
    frame = inputs.frame
    members = Members(
        keys=pa.array(frame["loan_token"]),
        borrowers=pd.factorize(frame["borrower_token"])[0],
        principal=frame["principal_minor"].to_numpy(),
        total=(frame["principal_minor"] + frame["interest_minor"]).to_numpy(),
    )
    loans = np.arange(len(frame))
    on = pd.to_datetime(pd.Series(days)).reindex(loans % len(days)).reset_index(drop=True)
    reached = reached_by(pd.DataFrame({"loan": loans}), members)
    rows = {
        "contacts": {
            "channel": "robot_call", "rows": 2, "answered": 1, "right_party": 0, "last": on,
        },
        "placements": {
            "on": on, "agency": "甲公司",
            "commission_bp": pd.array([2500] * len(loans), dtype="Int32"),
            "received_minor": pd.array([70_000] * len(loans), dtype="Int64"),
        },
        "payments": {"on": on, "gross_minor": 1_000, "cost_minor": 100},
        "legal": {"stage": "enforcing", "court_level": "基层"},
        "complaints": {"on": on, "subject": "Calls", "outcome": "rejected", "closed_on": on},
        "documents": {"document": "payout_proof", "availability": "copy"},
    }  # fmt: skip
    return {
        kind: REACH
        | {"tables": tables_of(kind, pd.DataFrame({"loan": loans} | columns), reached, CUT_OFF)}
        for kind, columns in rows.items()
    }


def test_tables_of_attached_histories_stand_in_their_chapters():
    inputs = report_inputs(60)
    text = text_with(frozen(inputs, ["2026-05-05", "2025-11-30"]))
    principal, total = (
        format_minor(amount, "CNY")
        for amount in (inputs.package.principal_minor, inputs.package.total_minor)
    )
    people = inputs.package.borrowers
    whole = f"60 {people} {principal} {total} 100.0 %"
    assert f"Robot call 60 {people} 120 60 0 0.0 %" in text
    for row in ("Answered, right party not reached", "Rejected", "Enforcing", "基层"):
        assert f"{row} {whole}" in text
    assert f"Payout proof Copy {whole}" in text
    assert f"甲公司 60 {people} 60 2025-11 to 2026-05 25 % 42,000.00" in text
    assert f"Total 60 {people} 60 600.00 60.00" in text
    for number in ("T23", "T23a", "T28", "T28a", "T28b", "T29", "T31", "T33a", "T34a"):
        assert re.search(rf"{number} [A-Z]", text)
    assert "no contact log was attached" not in text


def test_a_frozen_table_that_does_not_add_up_stops_the_report():
    histories = frozen(report_inputs(60), ["2026-05-05"])
    histories["complaints"]["tables"][0]["rows"][0]["total_minor"] += 1
    with pytest.raises(ReportDoesNotAddUp, match="T29"):
        text_with(histories)


def text_with(histories):
    inputs = report_inputs(60)
    package = replace(inputs.package, histories=histories)
    return " ".join(pages_of(build_report(replace(inputs, package=package)).content))


def test_a_timetable_that_is_passed_in_is_printed():
    inputs = replace(report_inputs(1), timetable=(("Bidding day", "9 Dec 2026 10:00 CST"),))
    assert any(
        "Bidding day 9 Dec 2026 10:00 CST" in text
        for text in pages_of(build_report(inputs).content)
    )


@pytest.mark.parametrize(
    ("figure", "change"),
    [
        ("loans", 1),
        ("borrowers", -1),
        ("principal_minor", 1),
        ("interest_minor", -1),
        ("claim_minor", 1),
    ],
)
def test_a_report_that_does_not_add_up_is_not_made(figure, change):
    inputs = report_inputs(60)
    package = replace(inputs.package, **{figure: getattr(inputs.package, figure) + change})
    with pytest.raises(ReportDoesNotAddUp, match=r"No report was made"):
        build_report(replace(inputs, package=package))


def test_receipts_beyond_what_the_loans_received_stop_the_report():
    inputs = report_inputs(60)
    receipts = inputs.receipts.assign(gross_minor=inputs.receipts["gross_minor"] + 1)
    with pytest.raises(ReportDoesNotAddUp, match="T34"):
        build_report(replace(inputs, receipts=receipts))


def test_the_same_inputs_give_the_same_bytes_and_another_date_does_not():
    first = content_of(60)
    assert build_report(report_inputs(60)).content == first
    later = replace(report_inputs(60), reported_at=REPORTED_AT.replace(minute=32))
    assert build_report(later).content != first


def test_no_figure_is_of_one_borrower(cny):
    inputs, pages = cny
    frame, text = inputs.frame, " ".join(pages)
    totals = frame["principal_minor"] + frame["interest_minor"]
    by_borrower = totals.groupby(frame["borrower_token"]).sum().sort_values(ascending=False)
    for amounts in (totals, frame["claim_minor"], frame["principal_minor"], by_borrower):
        assert not any(format_minor(int(amount), "CNY") in text.split() for amount in amounts)
    assert not any(token[:8] in text for token in frame["borrower_token"])
    group = re.search(r"T21 Largest borrowers.*? 1 to (\d+) \d+ (\d+) [\d,.]+ ([\d,.]+) ", text)
    assert group is not None
    size = int(group[1])
    assert size == int(group[2]) >= 10
    assert group[3] == format_minor(int(by_borrower[:size].sum()), "CNY")


@pytest.mark.parametrize("loans", [60, 400])
def test_segments_are_of_five_borrowers_surely_and_make_the_whole_package(loans):
    inputs = report_inputs(loans)
    lines = segment_lines(inputs.valuation, inputs.frame)
    most = inputs.frame["borrower_token"].value_counts()
    assert inputs.valuation.excluded
    assert all(line.loans > most[:4].sum() for line in lines)
    assert sum(line.loans for line in lines) == loans
    assert sum(line.balance_minor for line in lines) == inputs.valuation.face_minor
    assert sum(line.value_minor for line in lines) == sum(
        line.value_minor for line in inputs.valuation.segments
    )


def test_few_borrowers_have_no_group_of_the_largest_and_no_curve():
    text = " ".join(pages_of(content_of(1)))
    assert "too few borrowers for a group of the 10 largest" in text
    assert "Average total of the largest not stated" in text
    assert "C4 is not drawn" in text


def test_metadata_names_package_and_cut_off_date_alone(cny):
    inputs, _ = cny
    document = PdfReader(io.BytesIO(content_of(60)))
    assert document.metadata is not None
    assert document.metadata.title == "Due diligence report PKG-2026-0042 v1"
    assert "cut-off date 2026-06-30" in document.metadata.subject
    tokens = {*inputs.frame["loan_token"], *inputs.frame["borrower_token"]}
    assert not any(token in str(document.metadata) for token in tokens)


def test_the_outline_leads_to_chapters_and_tables():
    document = PdfReader(io.BytesIO(content_of(60)))
    chapters = [each for each in document.outline if not isinstance(each, list)]
    assert [chapter.title for chapter in chapters][0::10] == [
        "1  Summary",
        "11  Verification sheet",
    ]
    assert document.get_destination_page_number(chapters[2]) > 3


def test_a_copy_carries_its_reader_on_every_page_and_the_rest_unchanged(cny):
    content = content_of(60)
    reader = Reader(
        "海港资产管理 Harbour Asset Management",
        "ana@harbour.example",
        REPORTED_AT,
        ("recorded as", "copy-key-1"),
    )
    copies = pages_of(stamped(content, reader))
    assert len(copies) == len(cny[1])
    for text, original in zip(copies, cny[1], strict=True):
        assert "海港资产管理 Harbour Asset Management" in text
        assert "ana@harbour.example" in text
        assert "2026-11-24 03:31:00 UTC" in text
        assert "copy-key-1" in text
        assert original in text


def test_a_long_name_does_not_run_over_the_edge_of_the_page():
    content = content_of(1)
    reader = Reader(
        "Very Long Institution Name " * 12, "x@example.com", REPORTED_AT, ("recorded as", "k" * 36)
    )
    assert all("…" in text for text in pages_of(stamped(content, reader)))

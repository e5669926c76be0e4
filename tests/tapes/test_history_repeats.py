"""Rows of histories that stand twice, and days after the cut-off date."""

import pytest

from npa_market.common.errors import Refused
from npa_market.common.files import read_stored
from npa_market.tapes import history_import
from npa_market.tapes.histories import (
    import_history,
    remove_history,
)
from npa_market.tapes.history_intake import upload_history
from npa_market.tapes.history_models import (
    Payment,
)
from tests.tapes.conftest import SOUND


@pytest.fixture
def tape(imported_rows):
    return imported_rows({}, {})


REPEAT = {"payments": {"还款金额": "121.00"}, "placements": {"回款": "201.00"}}


def found(history):
    return {each["id"]: each for each in history.findings}


@pytest.mark.parametrize("chunk_rows", [1, 2, 25_000])
@pytest.mark.parametrize("kind", REPEAT)
def test_money_that_stands_twice_in_a_file_is_taken_in_once(kind, chunk_rows, take_in, monkeypatch):
    monkeypatch.setattr(history_import, "CHUNK_ROWS", chunk_rows)
    history = take_in(kind, {}, REPEAT[kind], {"贷款编号": "L-2"}, {}, {})
    assert (history.rows_imported, history.rows_rejected, history.loans) == (3, 2, 2)
    repeated = found(history)["row_repeated"]
    assert (repeated["count"], repeated["severity"]) == (2, "reject")
    assert [(each["row"], each["value"]) for each in repeated["examples"]] == [
        (5, "L-1, as row 2"),
        (6, "L-1, as row 2"),
    ]
    rejects = read_stored(history.rejects_file_id).decode("utf-8-sig")
    assert rejects.count("row_repeated: ") == 2


@pytest.mark.parametrize("kind", REPEAT)
def test_money_of_a_file_attached_before_is_not_counted_again(kind, take_in, tape, seller_user):
    first = take_in(kind, {}, {"贷款编号": "L-2"})
    second = take_in(kind, {}, REPEAT[kind], {"贷款编号": "L-2"})
    assert (second.rows_imported, second.rows_rejected) == (1, 2)
    assert found(second)["row_repeated"]["examples"][0]["value"] == "L-1, as in a file before"
    remove_history(user=seller_user, history_id=first.pk)
    third = take_in(kind, {"贷款编号": "L-2"}, REPEAT[kind])
    assert (third.rows_imported, third.rows_rejected) == (1, 1)


@pytest.mark.parametrize(
    "change", [{"渠道": "微信 2"}, {"催收费用": ""}, {"还款日期": "2024-03-06"}]
)
def test_a_payment_that_differs_in_anything_is_another_one(change, take_in):
    history = take_in("payments", {}, change)
    assert (history.rows_imported, history.findings) == (2, [])
    assert take_in("payments", change, {"还款金额": "9.00"}).rows_imported == 1


def test_rows_told_apart_by_a_column_that_is_not_taken_in_are_kept_and_noted(take_in):
    rows = [{"流水号": number} for number in ("1", "2", "2", "3")]
    history = take_in("payments", *rows)
    assert (history.rows_imported, history.rows_rejected) == (3, 1)
    assert found(history)["row_repeated"]["examples"][0]["value"] == "L-1, as row 3"
    alike = found(history)["row_alike"]
    assert (alike["severity"], alike["count"]) == ("note", 2)


def test_a_repaired_rejects_file_that_still_repeats_a_row_is_rejected_again(
    take_in, tape, seller_user
):
    rejects = read_stored(take_in("payments", {}, {}).rejects_file_id)
    again = upload_history(
        user=seller_user, tape_id=tape.pk, kind="payments", chunks=[rejects], file_name="x.csv"
    )
    assert import_history(history_id=again.pk).rows_rejected == 1


@pytest.mark.parametrize("kind", sorted(set(SOUND) - set(REPEAT)))
def test_what_is_no_money_may_be_stated_again_and_is_noted(kind, take_in):
    history = take_in(kind, {}, {})
    assert (history.rows_imported, history.rows_rejected) == (2, 0)
    assert found(history)["row_repeated"]["severity"] == "note"


def test_two_files_of_the_same_rows_at_the_same_time_count_once(take_in, monkeypatch):
    """The second one began when the first was not attached yet."""
    take_in("payments", {}, {"贷款编号": "L-2"})
    monkeypatch.setattr(history_import.Repeats, "start", lambda repeats: None)
    with pytest.raises(Refused) as caught:
        take_in("payments", {}, REPEAT["payments"])
    assert caught.value.code == "rows_attached_meanwhile"
    assert Payment.objects.count() == 2
    monkeypatch.undo()
    again = take_in("payments", {}, REPEAT["payments"])
    assert (again.state, again.rows_imported, again.rows_rejected) == ("imported", 1, 1)


@pytest.mark.parametrize(("day", "is_noted"), [("2025-12-31", False), ("2026-01-01", True)])
def test_a_day_after_the_cut_off_date_is_noted_and_taken_in(day, is_noted, take_in):
    history = take_in("payments", {"还款日期": day})
    assert history.rows_imported == 1
    assert ("after_cut_off" in found(history)) == is_noted
    if is_noted:
        late = found(history)["after_cut_off"]
        assert (late["severity"], late["column"]) == ("note", "还款日期")
        assert late["examples"] == [{"row": 2, "column": "还款日期", "value": day}]

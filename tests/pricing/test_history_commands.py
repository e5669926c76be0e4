import json
import subprocess
import sys

import pandas as pd
import pytest

from pricing import Calibration, Result, Terms
from pricing.__main__ import DONE, REFUSED, main
from pricing.history.grouped import to_grouped
from pricing.history.synthetic import Deals, as_truth, synthetic_history
from tests.pricing.builders import CN, frame, reference

DEALS = Deals(deals=3, loans=300, every_months=6, months=12)


@pytest.fixture(scope="module")
def drawn():
    return synthetic_history(as_truth(reference()), DEALS, seed=8)


@pytest.fixture
def folder(tmp_path, drawn):
    payments, loans = drawn.known_at(drawn.last_month)
    payments = payments[["loan_id", "age_month", "cash", "settled"]]
    loans = loans.drop(columns=["deal", "month"])
    payments.to_csv(tmp_path / "cash.csv", index=False)
    loans.to_csv(tmp_path / "accounts.csv", index=False)
    payments.to_parquet(tmp_path / "cash.parquet", index=False)
    loans.to_parquet(tmp_path / "accounts.parquet", index=False)
    to_grouped(drawn.history()).to_csv(tmp_path / "grouped.csv", index=False)
    return tmp_path


def run(folder, command, out, *more, history="cash.csv"):
    options = ["--history", str(folder / history), "--out", str(folder / out)]
    return main([command, *options, *more])


def accounts(folder, name="accounts.csv"):
    return ["--accounts", str(folder / name)]


def test_calibrate_writes_a_calibration_that_values_a_pool(folder, drawn, capsys):
    curves = folder / "curves.csv"
    done = run(folder, "calibrate", "mine.json", *accounts(folder), "--report", str(curves))
    assert done == DONE
    told = capsys.readouterr().err
    assert "900 loans, 3 cohorts" in told
    assert "judged, from cn-consumer-reference: channels" in told
    fitted = Calibration.from_json((folder / "mine.json").read_text())
    assert fitted.name == "mine"
    assert fitted.is_fitted
    assert len(pd.read_csv(curves)) == 3 * 24


def test_csv_and_parquet_give_the_same_calibration(folder):
    run(folder, "calibrate", "a.json", *accounts(folder), "--name", "x")
    run(folder, "calibrate", "b.json", *accounts(folder, "accounts.parquet"), "--name", "x",
        history="cash.parquet")  # fmt: skip
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_grouped_counts_are_taken_as_they_are(folder):
    assert run(folder, "calibrate", "g.json", "--grouped", history="grouped.csv") == DONE
    fitted = Calibration.from_json((folder / "g.json").read_text())
    assert "lump sums" in fitted.diagnostics["judged"]


def test_triangle_writes_rates_and_curves(folder):
    out = folder / "c.parquet"
    assert run(folder, "triangle", "t.csv", *accounts(folder), "--curves", str(out)) == DONE
    table, curves = pd.read_csv(folder / "t.csv"), pd.read_parquet(out)
    assert {"cohort", "cumulative_rate"} < set(table.columns)
    assert {"development_factor", "low", "high"} < set(curves.columns)


def test_a_value_takes_the_pools_own_payments(folder, drawn, capsys):
    month = drawn.last_month
    pool = drawn.pool(0, month)
    table = pd.DataFrame(
        {"loan_id": pool.loan_id, "balance": pool.balance, "product": "credit_card",
         "age_months": pool.age_months, "months_since_payment": pool.months_since_payment,
         "prior_placements": pool.prior_placements, "litigation_status": "not_sued",
         "reachable": pool.reachable, "region": ""}
    )  # fmt: skip
    table.to_csv(folder / "pool.csv", index=False)
    (folder / "terms.json").write_text(Terms(paths=256, horizon_months=24).to_json())
    options = ["--loans", str(folder / "pool.csv"), "--calibration", CN]
    options += ["--terms", str(folder / "terms.json"), "--own-history", str(folder / "cash.csv")]
    options += ["--own-accounts", str(folder / "accounts.csv")]
    assert main(["value", *options, "--out", str(folder / "out")]) == DONE
    result = Result.from_json((folder / "out/result.json").read_text())
    assert "own payments" in result.calibration
    said = capsys.readouterr().err
    assert "own payments: " in said
    assert f"{int((pool.paid_before > 0).sum()):,} loans of the pool have paid" in said
    told = table.assign(paid_before=pool.paid_before)
    told.to_csv(folder / "pool.csv", index=False)
    assert main(["value", *options, "--out", str(folder / "told")]) == DONE
    again = Result.from_json((folder / "told/result.json").read_text())
    assert again.price == pytest.approx(result.price, rel=1e-12)


def test_a_fitted_calibration_starts_where_its_calendar_stands(folder, drawn, capsys):
    assert run(folder, "calibrate", "fit.json", *accounts(folder)) == DONE
    fitted = Calibration.from_json((folder / "fit.json").read_text())
    year, month = divmod(fitted.calendar.last_month, 12)
    frame(20).to_csv(folder / "plain.csv", index=False)
    (folder / "terms.json").write_text(Terms(paths=256, horizon_months=12).to_json())
    prices = []
    for number, date in enumerate((None, f"{year}-{month + 1:02d}-28", f"{year + 40}-01-01")):
        out = folder / f"cut{number}"
        options = ["--loans", str(folder / "plain.csv"), "--calibration", str(folder / "fit.json")]
        options += ["--terms", str(folder / "terms.json"), "--out", str(out)]
        options += ["--cut-off", date] if date else []
        assert main(["value", *options]) == DONE
        prices.append(Result.from_json((out / "result.json").read_text()).price)
    assert prices[0] != pytest.approx(prices[1], rel=1e-4)
    assert "of the fitted curve" in capsys.readouterr().err
    for date, answer, words in (
        (f"{year - 1}-01-31", DONE, f"{year - 1}-01: payments begin at"),
        ("soon", REFUSED, "a date, for example"),
    ):
        options[-1] = date
        assert main(["value", *options]) == answer
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("column", "cell", "table", "words"),
    [
        ("cash", -1.0, "cash.csv", "cash.csv: row 3, column 'cash', value -1.0"),
        ("balance", 0.0, "accounts.csv", "accounts.csv: row 3, column 'balance', value 0.0"),
        ("age_month", 99, "cash.csv", "row 3, column 'age_month', value 99"),
    ],
)
def test_refusals_name_file_row_and_column(folder, capsys, column, cell, table, words):
    frame = pd.read_csv(folder / table)
    frame.loc[2, column] = cell
    frame.to_csv(folder / table, index=False)
    assert run(folder, "calibrate", "no.json", *accounts(folder)) == REFUSED
    assert words in capsys.readouterr().err
    assert not (folder / "no.json").exists()


def test_a_missing_file_is_refused_in_words(folder, capsys):
    assert run(folder, "triangle", "t.csv", history="none.csv") == REFUSED
    assert "no such file" in capsys.readouterr().err


def test_bench_calibrate_prints_one_json_object():
    """A process of its own: the peak of memory is the process's."""
    done = subprocess.run(
        [sys.executable, "-m", "pricing", "bench-calibrate", "--loans", "2400", "--months", "6"],
        capture_output=True,
        check=True,
    )
    figures = json.loads(done.stdout)
    assert figures["loans"] == 2400
    for name in ("seconds", "peak_rss_mb", "ratio_to_groupby"):
        assert figures[name] > 0


def test_fits_to_synthetic_histories_stay_near_the_truth(capsys):
    """Three histories: enough to catch a broken estimate; the command's default is forty."""
    size = ["--histories", "3", "--deals", "10", "--loans", "500", "--months", "18"]
    assert main(["check-calibration", *size]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert told["default_error_ratio"] < 2.5
    assert abs(told["default_bias"]) < 0.25
    assert told["sds"]["pool"] == pytest.approx(told["true_sds"]["pool"], rel=0.6)

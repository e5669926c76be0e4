import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricing.__main__ import DONE, REFUSED, main
from pricing.backtest.lending_club import ALL, FILE, fit_rates, forecasts, read_recoveries, summary
from pricing.errors import BadFile

REAL = Path("../shared/data/lendingclub_2007_2010")
needs_real_data = pytest.mark.skipif(
    not (REAL / FILE).is_file(), reason="the shared Lending Club files are not here"
)


def table(loans=600, seed=1, **columns):
    """Made-up loans in the layout of the snapshots: a third recovers something."""
    rng = np.random.default_rng(seed)
    months = rng.integers(0, 36, loans)
    rate = np.where(rng.random(loans) < 0.3, rng.gamma(1.0, 0.3, loans), 0.0)
    base = {
        "id": range(loans),
        "issue_year": 2007 + months // 12,
        "issue_d": [f"{2007 + month // 12}-{month % 12 + 1:02d}-01" for month in months],
        "grade": rng.choice(list("ABC"), loans),
        "funded_amnt": 6000.0,
        "total_rec_prncp": 1000.0,
        "recoveries_2017-08": 5000 * rate,
        "recoveries_2019-01": 5000 * rate,
    }
    return pd.DataFrame(base | columns)


def written(folder, frame):
    frame.to_csv(folder / FILE, index=False)
    return folder


@pytest.fixture
def loans(tmp_path):
    return read_recoveries(written(tmp_path, table()))


def test_the_balance_is_what_was_lent_less_what_was_repaid(loans):
    assert (loans.balance == 5000).all()


def test_a_fit_looks_at_earlier_years_alone(loans):
    train = loans.year < 2009
    later = replace(loans, known=np.where(train, loans.known, 1e9))
    one, other = fit_rates(loans, train), fit_rates(later, train)
    assert one.pooled == other.pooled
    assert (one.rate == other.rate).all()


def test_equal_rates_by_grade_are_shrunk_to_one_rate(loans):
    same = replace(loans, known=loans.balance * 0.1, ultimate=loans.balance * 0.1)
    fit = fit_rates(same, loans.year < 2009)
    assert fit.rate == pytest.approx(np.full(3, 0.1))


def test_few_quarters_keep_the_judged_level(loans):
    assert not fit_rates(loans, loans.year < 2008).is_level_fitted
    assert fit_rates(loans, loans.year < 2010).is_level_fitted


def test_intervals_are_nested_and_hold_the_forecast(loans):
    for one in forecasts(loans):
        assert one.low95 <= one.low80 <= one.forecast <= one.high80 <= one.high95
        assert one.crps >= 0


def test_intervals_of_stationary_loans_cover_as_they_say(tmp_path):
    ranks = []
    for seed in range(12):
        made = forecasts(read_recoveries(written(tmp_path, table(seed=seed))))
        ranks += [one.rank for one in made if one.grade != ALL]
    inside = np.mean([0.1 <= rank <= 0.9 for rank in ranks])
    assert 0.72 <= inside <= 0.95


@pytest.mark.parametrize(
    ("column", "cell"),
    [("grade", None), ("recoveries_2017-08", "x"), ("total_rec_prncp", 6000.0), ("issue_d", "?")],
)
def test_a_bad_file_is_refused_by_name(tmp_path, capsys, column, cell):
    frame = table(50).astype({column: object})
    if cell is None:
        frame = frame.drop(columns=column)
    else:
        frame.loc[3, column] = cell
    with pytest.raises(BadFile, match=column):
        read_recoveries(written(tmp_path, frame))
    assert main(["backtest-lendingclub", "--data", str(tmp_path)]) == REFUSED
    assert FILE in capsys.readouterr().err


@needs_real_data
def test_real_recoveries_are_forecast_from_earlier_years(tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert main(["backtest-lendingclub", "--data", str(REAL), "--out", str(out)]) == DONE
    scores = json.loads(out.read_text())
    assert scores["years"]["pools"] == 3
    assert scores["grades"]["pools"] == 21
    assert capsys.readouterr().out.count("\n") == 26
    assert scores["grades"]["coverage80"] >= scores["grades"]["flat_coverage80"]
    assert scores["grades"]["coverage95"] >= 0.9
    assert abs(scores["years"]["error_share"]) < 0.2


@needs_real_data
def test_real_loans_are_those_of_the_source():
    loans = read_recoveries(REAL)
    assert len(loans.balance) == 3134
    assert loans.ultimate.sum() / loans.balance.sum() == pytest.approx(0.090, abs=0.0005)
    assert set(summary(forecasts(loans))) == {
        "known_at", "ultimate_at", "draws", "years", "grades", "pools",
    }  # fmt: skip

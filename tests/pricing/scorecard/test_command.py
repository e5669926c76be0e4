import json

import pandas as pd
import pytest

from pricing.__main__ import DONE, REFUSED, main
from pricing.scorecard import Scorecard
from tests.pricing.scorecard.builders import sample


@pytest.fixture
def folder(tmp_path):
    sample(1_500).to_csv(tmp_path / "sample.csv", index=False)
    return tmp_path


def build(folder, *more, target="paid", source="sample.csv"):
    options = ["--sample", str(folder / source), "--target", target]
    return main(["scorecard", *options, "--out", str(folder / "card.json"), *more])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_card_is_built_and_scores_a_table(folder, capsys, ending):
    assert build(folder, "--time", "quarter", "--special", "balance=-1", "--pdo", "40") == DONE
    shown = capsys.readouterr().err
    for word in ("Gini", "points", "held_back", "PSI", "left out"):
        assert word in shown
    card = Scorecard.from_json((folder / "card.json").read_text())
    assert card.points_to_double == 40
    out = folder / f"scored.{ending}"
    options = ["--loans", str(folder / "sample.csv"), "--scorecard", str(folder / "card.json")]
    assert main(["score", *options, "--out", str(out)]) == DONE
    table = pd.read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert len(table) == 1_500
    assert table["chance"].between(0, 1).all()
    assert table.sort_values("score")["chance"].rank().corr(table["score"].rank()) == (
        pytest.approx(1, abs=0.02)
    )
    assert list(table.columns[:4]) == ["loan_id", "score", "chance", "reason_1"]


def test_the_same_sample_gives_the_same_bytes(folder):
    build(folder)
    first = (folder / "card.json").read_bytes()
    build(folder)
    assert (folder / "card.json").read_bytes() == first


@pytest.mark.parametrize(
    ("target", "source", "words"),
    [("payed", "sample.csv", "'payed' is missing"), ("paid", "none.csv", "no such file"),
     ("balance", "sample.csv", "0 or 1")],
)  # fmt: skip
def test_refusals_name_file_column_and_rule(folder, capsys, target, source, words):
    assert build(folder, target=target, source=source) == REFUSED
    message = capsys.readouterr().err
    assert words in message
    assert "Traceback" not in message
    assert not (folder / "card.json").exists()


def test_a_changed_card_and_a_strange_ending_are_refused(folder, capsys):
    build(folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"base_score": 1.0}))
    options = ["--loans", str(folder / "sample.csv"), "--scorecard", str(folder / "card.json")]
    assert main(["score", *options, "--out", str(folder / "out.csv")]) == REFUSED
    assert "changed" in capsys.readouterr().err
    assert main(["score", *options, "--out", str(folder / "out.txt")]) == REFUSED
    assert ".parquet" in capsys.readouterr().err


@pytest.mark.parametrize("special", ["balance", "=1", "balance=x"])
def test_a_special_value_names_its_column(folder, special):
    with pytest.raises(SystemExit):
        build(folder, "--special", special)

"""The benchmark measures real work and leaves nothing behind."""

from npa_market.packages.benchmark import measure
from npa_market.packages.benchmark_pages import measure_pages
from npa_market.packages.models import Package, PackageLoan
from npa_market.parties.models import Organisation
from npa_market.tapes.models import Loan


def test_the_benchmark_names_every_figure_and_leaves_nothing(db):
    figures = measure(3_000)
    for name in (
        "totals_seconds",
        "stratify_seconds",
        "bidder_tables_seconds",
        "seal_seconds",
        "proof_ms",
        "optimise_seconds",
        "peak_rss_mb",
        "bare_parquet_and_hash_seconds",
    ):
        assert figures[name] >= 0
    assert sum(figures["seal_phases"].values()) <= figures["seal_seconds"] + 0.1
    assert 2_500 < figures["sealed_loans"] <= figures["loans"] == 3_000
    assert 0 <= figures["gap_to_bound_percent"] <= 1
    for model in (Loan, Package, PackageLoan, Organisation):
        assert not model.objects.exists()


def test_every_page_is_timed(db):
    figures = measure_pages(400)
    assert {"packages", "stratification", "loans_of_cell"} <= set(figures["pages"])
    assert all(taken > 0 for taken in figures["pages"].values())
    assert not Package.objects.exists()

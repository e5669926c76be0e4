"""Everything that pages show of a package, computed once with its rows and kept as plain JSON."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from npa_market.packages.pictures import pictures
from npa_market.packages.stratify import completeness, stratify_all, weighted_mean

WEIGHTED = ("days_overdue", "age_months", "annual_rate_bp")


def overview(frame: pd.DataFrame) -> dict[str, Any]:
    """Stratifications, completeness and weighted means of rows in the sealed form."""
    return {
        "stratifications": {key: asdict(table) for key, table in stratify_all(frame).items()},
        "pictures": pictures(frame),
        "completeness": [asdict(field) for field in completeness(frame)],
        "weighted": _given((name, weighted_mean(frame, name)) for name in WEIGHTED),
    }


def _given(means: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    return {name: round(mean, 2) for name, mean in means if mean is not None}

"""Files in and out: CSV and Parquet tables, JSON documents."""

from collections.abc import Hashable
from pathlib import Path

import pandas as pd

from pricing.calibration import REFERENCES, Calibration, reference_calibration
from pricing.errors import BadFile
from pricing.loans import Loans
from pricing.result import Result
from pricing.terms import Terms

TEXT: dict[Hashable, type[str]] = {
    "loan_id": str,
    "product": str,
    "region": str,
    "channel": str,
    "status": str,
}


def read_table(path: Path) -> pd.DataFrame:
    """A frame from a .csv, .csv.gz or .parquet file. Raises BadFile."""
    if not path.is_file():
        raise BadFile(str(path), "no such file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(
            path, dtype=TEXT, encoding="utf-8-sig", keep_default_na=False, na_values=[""]
        )
    except UnicodeDecodeError as reason:
        raise BadFile(str(path), f"not UTF-8 text: {reason.reason}") from reason
    except pd.errors.EmptyDataError as reason:
        raise BadFile(str(path), "the file is empty") from reason
    except (pd.errors.ParserError, OSError, ValueError) as reason:
        first = str(reason).splitlines()[0]
        raise BadFile(str(path), f"not a table: {first}") from reason


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """A frame as .parquet, or as CSV under any other name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)


def read_text(path: Path) -> str:
    """UTF-8 text of a file. Raises BadFile."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as reason:
        raise BadFile(str(path), "no such file") from reason
    except (OSError, UnicodeDecodeError) as reason:
        raise BadFile(str(path), f"cannot be read as text: {reason}") from reason


def read_calibration(name: str) -> Calibration:
    """A calibration file, or a shipped reference by name."""
    if name in REFERENCES:
        return reference_calibration(name)
    return Calibration.from_json(read_text(Path(name)))


def read_terms(path: Path | None) -> Terms:
    """Terms from a JSON file; the defaults without one."""
    return Terms() if path is None else Terms.from_json(read_text(path))


def write_result(result: Result, pool: Loans, folder: Path) -> list[Path]:
    """result.json, cash.parquet (one row per month) and loans.parquet (allocation) in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    months = pd.DataFrame(
        {
            "month": range(1, len(result.monthly_cash) + 1),
            "net": result.monthly_cash,
            "gross": result.gross_mean,
            "cumulative": result.cumulative_mean,
        }
    )
    for row, level in enumerate(result.quantiles):
        months[f"net_q{level:g}"] = result.cash_quantiles[row]
        months[f"cumulative_q{level:g}"] = result.cumulative_quantiles[row]
    loans = pd.DataFrame(
        {"loan_id": pool.loan_id, "balance": pool.balance, "price": result.allocation}
    )
    paths = [folder / name for name in ("result.json", "cash.parquet", "loans.parquet")]
    paths[0].write_text(result.to_json(), encoding="utf-8")
    months.to_parquet(paths[1], index=False)
    loans.to_parquet(paths[2], index=False)
    return paths

"""Parts of a run in files: blocks computed anywhere, joined in any order to the same bytes."""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pricing import canonical
from pricing.blocks import Part, Progress, simulate
from pricing.errors import BadFile, PricingError
from pricing.moments import Flow
from pricing.plan import Plan
from pricing.result import Result
from pricing.summary import summarise
from pricing.terms import BLOCK
from pricing.version import ENGINE_VERSION

ARRAYS = ("block", "cumulants", "net", "gross", "cash", "live")


class WrongShard(PricingError):
    """Shards that do not belong together, overlap, or leave blocks out."""


def run_identity(plan: Plan) -> dict[str, str]:
    """What two shards must share to be joined."""
    portfolio = plan.portfolio
    return {
        "engine_version": ENGINE_VERSION,
        "calibration_hash": portfolio.calibration.content_hash,
        "terms_hash": plan.terms.content_hash,
        "loans_hash": portfolio.loans.content_hash,
    }


def parse_blocks(text: str, blocks: int) -> range:
    """'0:20' as blocks 0..19 of a run of `blocks`. Raises WrongShard."""
    first, colon, end = text.partition(":")
    if not (colon and first.isdecimal() and end.isdecimal()):
        raise WrongShard(f"blocks {text!r}: first:end, for example 0:{blocks}")
    if not 0 <= int(first) < int(end) <= blocks:
        raise WrongShard(f"blocks {text!r}: the run has blocks 0:{blocks}")
    return range(int(first), int(end))


def write_shard(plan: Plan, blocks: Iterable[int], path: Path, progress: Progress | None) -> None:
    """Simulate some blocks of a run and keep them as one .npz file; arrays only, no loan."""
    parts = simulate(plan, blocks, progress)
    stacked: dict[str, Any] = {
        "block": np.array([part.block for part in parts]),
        "cumulants": np.stack([part.cumulants for part in parts]),
        "net": np.stack([part.net for part in parts]),
        "gross": np.stack([part.gross for part in parts]),
        "cash": np.stack([part.flow.cash for part in parts]),
        "live": np.stack([part.flow.live for part in parts]),
    }
    identity = np.array(canonical.dump(run_identity(plan)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, identity=identity, **stacked)


def read_shard(plan: Plan, path: Path) -> list[Part]:
    """Parts of one file; refused unless it was made for this very run."""
    try:
        with np.load(path, allow_pickle=False) as shard:
            identity = dict(canonical.load(str(shard["identity"])))
            columns = {name: shard[name] for name in ARRAYS}
    except FileNotFoundError as reason:
        raise BadFile(str(path), "no such file") from reason
    except (OSError, ValueError, TypeError, KeyError, EOFError, BadZipFile, zlib.error) as reason:
        raise BadFile(str(path), "not a shard of a valuation") from reason
    for name, ours in run_identity(plan).items():
        if identity.get(name) != ours:
            raise WrongShard(f"{path}: {name} is not that of this run")
    _refuse_odd_arrays(plan, path, columns)
    return [
        Part(int(block), cumulants, net, gross, Flow(cash, live))
        for block, cumulants, net, gross, cash, live in zip(*columns.values(), strict=True)
    ]


def _refuse_odd_arrays(plan: Plan, path: Path, columns: dict[str, Any]) -> None:
    blocks = columns["block"].shape
    segments, months = plan.chain.odds.shape
    shapes = {
        "block": blocks,
        "cumulants": (*blocks, BLOCK, 3),
        **dict.fromkeys(("net", "gross"), (*blocks, BLOCK, months)),
        **dict.fromkeys(("cash", "live"), (*blocks, segments, months)),
    }
    for name, shape in shapes.items():
        found = columns[name]
        kinds = "iu" if name == "block" else "f"
        if len(blocks) != 1 or found.shape != shape or found.dtype.kind not in kinds:
            raise BadFile(str(path), f"array {name!r} is not that of a shard of this run")
        if not np.isfinite(found).all():
            raise BadFile(str(path), f"array {name!r} holds what is not a number")


def merge(plan: Plan, paths: Sequence[Path]) -> Result:
    """Join shards in any order; every block of the run must be there once."""
    parts = [part for path in paths for part in read_shard(plan, path)]
    found = sorted(part.block for part in parts)
    if found != list(range(plan.terms.blocks)):
        missing = sorted(set(range(plan.terms.blocks)) - set(found))
        twice = sorted({block for block in found if found.count(block) > 1})
        raise WrongShard(f"blocks missing: {missing or 'none'}; given twice: {twice or 'none'}")
    return summarise(plan, sorted(parts, key=lambda part: part.block))

"""The frozen scorecard: bins, evidence, slopes and points as one hashed document."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pricing import canonical
from pricing.errors import PricingError

NUMBER, LEVEL = "number", "level"
MISSING, OTHER = "(missing)", "(other)"


class BadScorecard(PricingError):
    """A scorecard document cannot be read or breaks a rule."""

    def __init__(self, name: str, rule: str) -> None:
        self.field, self.rule = name, rule
        super().__init__(f"scorecard: {name}: {rule}")


@dataclass(frozen=True)
class Bin:
    """One line of the card. rows, payers: of the sample. evidence: ln of (share of payers / share
    of the others), 0 where the bin was too small to speak. points: whole."""

    label: str
    rows: int
    payers: int
    evidence: float
    points: int


@dataclass(frozen=True)
class Characteristic:
    """One column. kind: number or level. edges: inner edges of ordinary bins, value <= edge is on
    the left. specials: values with a bin of their own. levels: names with a bin of their own.

    bins in order: ordinary bins (numbers) or levels, then specials, then missing, then (levels
    alone) other, which also takes names the sample did not have.
    """

    name: str
    kind: str
    bins: tuple[Bin, ...]
    slope: float
    information: float
    edges: tuple[float, ...] = ()
    specials: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == NUMBER:
            expected = len(self.edges) + 1 + len(self.specials) + 1
        elif self.kind == LEVEL:
            expected = len(self.levels) + 2
        else:
            raise BadScorecard(f"{self.name}.kind", f"{NUMBER} or {LEVEL}")
        if len(self.bins) != expected:
            raise BadScorecard(f"{self.name}.bins", f"{expected} bins, not {len(self.bins)}")
        if list(self.edges) != sorted(set(self.edges)):
            raise BadScorecard(f"{self.name}.edges", "rising")
        numbers = (self.slope, self.information, *self.edges, *self.specials)
        if not all(map(math.isfinite, (*numbers, *(one.evidence for one in self.bins)))):
            raise BadScorecard(self.name, "finite numbers")


@dataclass(frozen=True)
class Scorecard:
    """log-odds of `target` = intercept + sum of slope x evidence; points carry the same order.

    A loan at odds `base_odds` scores `base_score`; `points_to_double` more points double the odds
    that it pays. notes: columns left out and why. diagnostics: measures by sample.
    """

    target: str
    rows: int
    payers: int
    base_score: float
    base_odds: float
    points_to_double: float
    intercept: float
    ridge: float
    characteristics: tuple[Characteristic, ...]
    notes: tuple[str, ...] = ()
    diagnostics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [one.name for one in self.characteristics]
        if not names or len(set(names)) != len(names):
            raise BadScorecard("characteristics", "at least one, each once")
        for name in ("base_score", "base_odds", "points_to_double", "intercept", "ridge"):
            if not math.isfinite(getattr(self, name)):
                raise BadScorecard(name, "a finite number")
        if self.base_odds <= 0 or self.points_to_double <= 0:
            raise BadScorecard("base_odds, points_to_double", "above 0")

    @property
    def points_per_log_odds(self) -> float:
        """PDO / ln 2."""
        return self.points_to_double / math.log(2)

    def score_of(self, log_odds: float) -> float:
        """Points before rounding at these log-odds."""
        return self.base_score + self.points_per_log_odds * (log_odds - math.log(self.base_odds))

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        characteristics = [asdict(one) for one in self.characteristics]
        for one in characteristics:
            for name in ("edges", "specials", "levels", "bins"):
                one[name] = list(one[name])
        return document | {
            "characteristics": characteristics,
            "notes": list(self.notes),
            "diagnostics": dict(self.diagnostics),
        }

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the canonical JSON."""
        return canonical.content_hash(self.as_document())

    def to_json(self) -> str:
        """Canonical JSON with its hash; `from_json` gives an equal card back."""
        return canonical.dump(self.as_document() | {"content_hash": self.content_hash})

    @classmethod
    def from_json(cls, text: str) -> "Scorecard":
        """A card from its JSON; refused where the hash is not that of the content."""
        try:
            document = canonical.load(text)
            stated = document.pop("content_hash")
            characteristics = tuple(_characteristic(one) for one in document["characteristics"])
            card = cls(
                **{
                    **document,
                    "characteristics": characteristics,
                    "notes": tuple(document["notes"]),
                }
            )
        except BadScorecard:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise BadScorecard("document", f"not a scorecard: {reason}") from reason
        if stated != card.content_hash:
            raise BadScorecard("content_hash", "not that of the content: the card was changed")
        return card


def _characteristic(document: Mapping[str, Any]) -> Characteristic:
    lists = {name: tuple(document[name]) for name in ("edges", "specials", "levels")}
    bins = tuple(Bin(**one) for one in document["bins"])
    return Characteristic(**{**document, **lists, "bins": bins})

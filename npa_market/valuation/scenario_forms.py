"""Assumptions of a scenario as people write them: percent, major units, one row per channel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms import BoundField

from npa_market.valuation.figures import channel_words
from npa_market.valuation.forms import HIGHEST_RATE, HUNDRED, LOWEST_RATE, PATHS

if TYPE_CHECKING:
    from pricing import Calibration

PERCENTS = ("fee_share",)
CHANNEL_FIELDS = ("fee_share", "work_cost", "case_cost", "delay_months", "uplift")
MOST_LEVEL, LEAST_LEVEL = 1000, 10


@dataclass(frozen=True)
class ChannelRow:
    """One channel of the table: whether it collects, its name, its fields."""

    name: str
    words: str
    is_chosen: bool
    fields: tuple[BoundField, ...]


def _number(value: float | int) -> Decimal:
    """`20`, `2.5`: a stored share or amount without the noise of its binary form."""
    number = Decimal(repr(round(float(value), 8)))
    return Decimal(int(number)) if number == number.to_integral() else number.normalize()


class ScenarioForm(forms.Form):
    """Every assumption a scenario may change; limits stand here too, the service decides."""

    buyer_irr = forms.DecimalField(
        label="Buyer's IRR, % a year", min_value=LOWEST_RATE, max_value=HIGHEST_RATE
    )
    level = forms.DecimalField(
        label="Level of payments, %",
        min_value=LEAST_LEVEL,
        max_value=MOST_LEVEL,
        help_text="Odds of a payment against the calibration: 90 is a tenth lower.",
    )
    horizon_months = forms.IntegerField(label="Horizon, months", min_value=1, max_value=240)
    paths = forms.TypedChoiceField(
        coerce=int, choices=[(paths, f"{paths:,}") for paths in PATHS], label="Paths"
    )
    seller_rate = forms.DecimalField(
        label="Your own rate, % a year",
        min_value=LOWEST_RATE,
        max_value=HIGHEST_RATE,
        help_text="For your reserve; seen by your valuers and approvers alone.",
    )
    channel = forms.ChoiceField(widget=forms.HiddenInput, label="Channel of collection")

    def __init__(
        self,
        *args: Any,
        calibration: "Calibration",
        terms: Mapping[str, Any],
        sees_reserve: bool,
        **kwargs: Any,
    ) -> None:
        self.calibration, self.terms_before = calibration, dict(terms)
        kwargs["initial"] = self._initial()
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        if not sees_reserve:
            del fields["seller_rate"]
        names = [channel.name for channel in calibration.channels]
        fields["channel"].choices = [(name, channel_words(name)) for name in names]
        for name in names:
            words = channel_words(name)
            fields[f"fee_share-{name}"] = _decimal(f"Fee of {words}, % of receipts", 0, 100)
            fields[f"work_cost-{name}"] = _decimal(f"Work of {words}, per loan and month", 0)
            fields[f"case_cost-{name}"] = _decimal(f"Case of {words}, per loan", 0)
            fields[f"delay_months-{name}"] = forms.IntegerField(
                label=f"Delay of {words}, months", min_value=0, max_value=120
            )
            fields[f"uplift-{name}"] = _decimal(f"Uplift of {words}, log-odds", -3, 3)

    def _costs(self) -> dict[str, dict[str, Any]]:
        """Costs of every channel as the terms before have them."""
        known = {each.name: each.as_document() for each in self.calibration.channels}
        return known | {cost["name"]: dict(cost) for cost in self.terms_before["costs"]}

    def _initial(self) -> dict[str, Any]:
        before = self.terms_before
        initial: dict[str, Any] = {
            "buyer_irr": _number(before["buyer_irr"] * 100),
            "level": _number(before.get("level", 1.0) * 100),
            "horizon_months": before["horizon_months"],
            "paths": before["paths"],
            "seller_rate": _number(before["seller_rate"] * 100),
            "channel": before["channel"],
        }
        for name, cost in self._costs().items():
            for field in CHANNEL_FIELDS:
                scale = 100 if field in PERCENTS else 1
                initial[f"{field}-{name}"] = _number(cost[field] * scale)
        return initial

    def rows(self) -> Iterator[ChannelRow]:
        """The table of channels."""
        chosen = self["channel"].value()
        for channel in self.calibration.channels:
            cells = tuple(self[f"{field}-{channel.name}"] for field in CHANNEL_FIELDS)
            yield ChannelRow(
                channel.name, channel_words(channel.name), channel.name == chosen, cells
            )

    def terms(self) -> dict[str, Any]:
        """The terms as the service takes them; a channel left as calibrated is not named."""
        cleaned = self.cleaned_data
        terms = {
            **self.terms_before,
            "buyer_irr": float(cleaned["buyer_irr"] / HUNDRED),
            "level": float(cleaned["level"] / HUNDRED),
            "horizon_months": cleaned["horizon_months"],
            "paths": cleaned["paths"],
            "channel": cleaned["channel"],
        }
        if "seller_rate" in cleaned:
            terms["seller_rate"] = float(cleaned["seller_rate"] / HUNDRED)
        shipped = {each.name: each.as_document() for each in self.calibration.channels}
        costs = [self._cost(name, cost) for name, cost in self._costs().items()]
        terms["costs"] = [cost for cost in costs if cost != shipped.get(cost["name"])]
        return terms

    def _cost(self, name: str, before: dict[str, Any]) -> dict[str, Any]:
        cost = dict(before)
        for field in CHANNEL_FIELDS:
            typed = self.cleaned_data.get(f"{field}-{name}")
            key = f"{field}-{name}"
            if typed is None or _number(typed) == self.initial.get(key):
                continue  # As it was, to the last binary digit.
            cost[field] = (
                int(typed)
                if field == "delay_months"
                else float(typed / HUNDRED if field in PERCENTS else typed)
            )
        return cost


def _decimal(label: str, least: int, most: int | None = None) -> forms.DecimalField:
    return forms.DecimalField(label=label, min_value=least, max_value=most)

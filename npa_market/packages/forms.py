"""Forms of packages: pool and criteria with their lines, and the reasons people give."""

from collections import Counter
from typing import Any

import numpy as np
from django import forms
from django.http import QueryDict

from npa_market.common.errors import InvalidInput
from npa_market.packages.columns import are_ready, columns_of
from npa_market.packages.criteria import read_criteria
from npa_market.packages.fields import FIELDS, Kind
from npa_market.packages.lines import (
    EMPTY,
    GROUPS,
    Line,
    document_of,
    edited,
    lines_of,
    operators,
    posted_lines,
)
from npa_market.packages.models import Package, SavedCriteria
from npa_market.packages.queries import Pool, pools_of
from npa_market.packages.screen_items import ITEMS
from npa_market.parties.models import Organisation
from npa_market.tapes.models import Tape

MOST_OFFERED = 400  # values of a text field in the editor, those with most loans first


def _words(tape: Tape) -> str:
    return f"{tape.reference} {tape.file_name} ({tape.rows_imported:,} loans)"


class CriteriaForm(forms.Form):
    """What the package is drawn from and chosen by; `lines` are those of the editor."""

    pool = forms.ChoiceField(
        label="Draw from",
        help_text="One currency and one cut-off date per package.",
    )
    tapes = forms.MultipleChoiceField(
        label="Tapes",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked = all tapes of the pool.",
    )
    disclose = forms.MultipleChoiceField(
        label="Keep and disclose",
        choices=[(item.code, item.title) for item in ITEMS if item.may_be_disclosed],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Hits of these screen rules stay in the package and are stated; "
        "all others are excluded.",
    )
    picked = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, seller: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seller = seller
        self.pools = pools_of(seller)
        self._offer("pool", [(pool.key, pool.title) for pool in self.pools])
        self._offer("tapes", [(str(tape.pk), _words(tape)) for p in self.pools for tape in p.tapes])
        self.faults: dict[int, str] = {}
        self.lines: list[Line] = list(self.initial.get("lines", EMPTY))
        if isinstance(self.data, QueryDict) and self.is_bound:
            self.lines = posted_lines(self.data, self.data.getlist)

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def chosen_pool(self) -> Pool | None:
        """The pool of valid input."""
        key = self.cleaned_data.get("pool")
        return next((pool for pool in self.pools if pool.key == key), None)

    @property
    def shown_pool(self) -> Pool | None:
        """The pool that the page is about, whatever else is wrong."""
        key = self.data.get("pool") if self.is_bound else self.initial.get("pool")
        named = (pool for pool in self.pools if pool.key == key)
        return next(named, self.pools[0] if self.pools else None)

    @property
    def is_counted_at_once(self) -> bool:
        """Are the columns there, or made in a moment?"""
        pool = self.shown_pool
        return pool is None or are_ready(pool.tapes) or pool.loans <= AT_ONCE

    def edit(self, act: str) -> None:
        """Apply one act of the editor to the lines."""
        if act.startswith("load:"):
            self._load(act.removeprefix("load:"))
        else:
            self.lines = edited(self.lines, act)

    def _load(self, key: str) -> None:
        saved = self.saved_as(key)
        if saved is None:
            return
        self.lines = lines_of(saved.document.get("where"), saved.currency)
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data.setlist("disclose", saved.document.get("disclose", []))

    def saved_as(self, key: str) -> SavedCriteria | None:
        """The seller's saved criteria with this key, in the currency of the pool."""
        found: SavedCriteria | None = self.saved().filter(pk=key).first() if _is_key(key) else None
        return found

    def saved(self) -> Any:
        """Saved criteria in the currency of the pool."""
        pool = self.shown_pool
        kept = SavedCriteria.objects.filter(seller=self.seller)
        return kept.filter(currency=pool.currency) if pool else kept.none()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pool = self.chosen_pool
        if pool is None:
            return cleaned
        reading = document_of(self.lines, pool.currency)
        self.faults = reading.faults
        for number, words in sorted(reading.faults.items()):
            title = FIELDS[self.lines[number].field].title
            self.add_error(None, f"{title[0].upper()}{title[1:]}: {words}")
        document: dict[str, Any] = {}
        if cleaned.get("tapes"):
            document["tapes"] = cleaned["tapes"]
        if reading.where:
            document["where"] = reading.where
        if cleaned.get("disclose"):
            document["disclose"] = cleaned["disclose"]
        if cleaned.get("picked"):
            document["picked"] = str(cleaned["picked"])
        try:
            read_criteria(document)
        except InvalidInput as refusal:
            self.add_error(None, refusal.message)
        if not self.errors:
            cleaned["criteria"] = document
        return cleaned

    def rows(self) -> list[dict[str, Any]]:
        """What the template shows of each line."""
        offered: dict[str, list[tuple[str, str]]] = {}
        return [self._row(number, line, offered) for number, line in enumerate(self.lines)]

    def _row(self, number: int, line: Line, offered: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "number": number,
            "line": line,
            "groups": GROUPS,
            "fault": self.faults.get(number, ""),
            "indent": line.level * 20,
        }
        of = FIELDS.get(line.field)
        if line.is_group or of is None:
            return row
        ops = operators(of.kind)
        op = line.op if line.op in ops else next(iter(ops))
        row |= {"of": of, "operators": ops, "op": op}
        if op in {"in", "not_in"}:
            if of.name not in offered:
                offered[of.name] = self._values(of.name)
            known = {value for value, _ in offered[of.name]}
            kept = [(value, value) for value in line.values if value not in known]
            row["choices"] = [*offered[of.name], *kept]
        unit = self.shown_pool.currency if of.kind is Kind.MONEY and self.shown_pool else of.unit
        return row | {"unit": "months" if of.kind is Kind.MONTHS else unit}

    def _values(self, name: str) -> list[tuple[str, str]]:
        """Values of a text field on the pool's tapes, with their loans; codes in their order."""
        of, pool = FIELDS[name], self.shown_pool
        counts: Counter[str] = Counter()
        if pool and self.is_counted_at_once:
            codes, texts = columns_of(pool.tapes).texts(of.column)
            loans = np.bincount(codes, minlength=len(texts)).tolist()
            counts = Counter(dict(zip(texts, loans, strict=True)))
        if of.choices:
            return [(value, f"{label} ({counts[value]:,})") for value, label in of.choices.items()]
        return [
            (value, f"{value} ({loans:,})")
            for value, loans in counts.most_common(MOST_OFFERED)
            if value
        ]


AT_ONCE = 50_000  # loans whose columns are written while somebody waits


def _is_key(text: str) -> bool:
    try:
        forms.UUIDField().clean(text)
    except forms.ValidationError:
        return False
    return True


class PackageForm(CriteriaForm):
    """A new package, or a change of one that is not sealed."""

    title = forms.CharField(max_length=200, help_text="For example: Unsecured consumer loans, East")
    transfer_basis = forms.CharField(
        label="Legal basis of the transfer",
        required=False,
        max_length=300,
        help_text="The contract or consent clause that allows the transfer. Needed for the screen.",
    )
    field_order = ("title", "pool", "tapes")


def initial_of(package: Package) -> dict[str, Any]:
    """What the form shows of a package."""
    criteria = package.criteria
    return {
        "title": package.title,
        "transfer_basis": package.transfer_basis,
        "pool": Pool(package.currency, package.cut_off_date, ()).key,
        "tapes": criteria.get("tapes", []),
        "disclose": criteria.get("disclose", []),
        "picked": criteria.get("picked"),
        "lines": lines_of(criteria.get("where"), package.currency),
    }


class ReasonForm(forms.Form):
    """Why a package is returned or withdrawn."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands in the history of the package.",
    )

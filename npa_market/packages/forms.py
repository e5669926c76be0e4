"""Forms of packages: the criteria with their pool, and the reasons people give."""

import json
from typing import Any

from django import forms

from npa_market.common.errors import InvalidInput
from npa_market.common.money import format_minor, parse_minor
from npa_market.packages.criteria import read_criteria
from npa_market.packages.models import Package
from npa_market.packages.plain_criteria import LISTS, RANGES, criteria_document, plain_parts
from npa_market.packages.queries import Pool, pools_of, values_of
from npa_market.packages.screen_items import ITEMS
from npa_market.parties.models import Organisation
from npa_market.tapes.models import LitigationStatus, Tape

MONEY_RANGES = ("claim", "principal")


def _amount(label: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(label=label, required=False, max_length=30, widget=widget)


def _number(label: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=100_000)


def _several(label: str) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, widget=forms.SelectMultiple(attrs={"size": 6})
    )


def _words(tape: Tape) -> str:
    return f"{tape.reference} {tape.file_name} ({tape.rows_imported:,} loans)"


class CriteriaForm(forms.Form):
    """What the package is drawn from and chosen by."""

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
    product = _several("Product")
    province = _several("Province or state")
    claim_from = _amount("Claim from")
    claim_to = _amount("Claim to")
    principal_from = _amount("Principal from")
    principal_to = _amount("Principal to")
    months_from = _number("Months since charge-off, from")
    months_to = _number("Months since charge-off, to")
    days_from = _number("Days overdue, from")
    days_to = _number("Days overdue, to")
    grade = _several("Grade")
    litigation_status = forms.MultipleChoiceField(
        label="Litigation status",
        choices=LitigationStatus.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_reachable = forms.ChoiceField(
        label="Reachable",
        choices=[("", "Any"), ("yes", "Reachable"), ("no", "Not reachable")],
        required=False,
    )
    disclose = forms.MultipleChoiceField(
        label="Keep and disclose",
        choices=[(item.code, item.title) for item in ITEMS if item.may_be_disclosed],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Hits of these screen rules stay in the package and are stated; "
        "all others are excluded.",
    )
    further = forms.CharField(
        label="Further conditions (JSON)",
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="A condition or a group of all, any, not over the field dictionary, for example "
        '<code>{"any": [{"field": "received", "op": "at_most", "value": 0}, '
        '{"field": "months_since_payment", "op": "missing"}]}</code>. '
        "Amounts in minor units.",
    )

    def __init__(self, *args: Any, seller: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seller = seller
        self.pools = pools_of(seller)
        self._offer("pool", [(pool.key, pool.title) for pool in self.pools])
        self._offer("tapes", [(str(tape.pk), _words(tape)) for p in self.pools for tape in p.tapes])
        known = values_of(seller)
        for name in ("product", "province", "grade"):
            chosen = self.initial.get(name, [])
            offered = sorted({*known[name], *chosen})
            self._offer(name, [(value, value) for value in offered])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def chosen_pool(self) -> Pool | None:
        """The pool of valid input."""
        key = self.cleaned_data.get("pool")
        return next((pool for pool in self.pools if pool.key == key), None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pool = self.chosen_pool
        if pool is None:
            return cleaned
        for name in MONEY_RANGES:
            for end in (f"{name}_from", f"{name}_to"):
                cleaned[end] = self._minor(end, pool.currency)
        for name in RANGES:
            low, high = cleaned.get(f"{name}_from"), cleaned.get(f"{name}_to")
            if low is not None and high is not None and low > high:
                self.add_error(f"{name}_to", "The upper limit is below the lower one.")
        cleaned["further"] = self._further()
        if not self.errors:
            cleaned["criteria"] = self._criteria(cleaned)
        return cleaned

    def _minor(self, name: str, currency: str) -> int | None:
        text = self.cleaned_data.get(name)
        if not text:
            return None
        try:
            amount = parse_minor(text, currency, field=name)
        except InvalidInput as refusal:
            self.add_error(name, refusal.message)
            return None
        if amount < 0:
            self.add_error(name, "The amount must not be negative.")
        return amount

    def _further(self) -> dict[str, Any] | None:
        text = (self.cleaned_data.get("further") or "").strip()
        if not text:
            return None
        try:
            node = json.loads(text)
            read_criteria({"where": node})
        except (ValueError, RecursionError):
            self.add_error("further", "This is not valid JSON.")
        except InvalidInput as refusal:
            self.add_error("further", refusal.message)
        else:
            if isinstance(node, dict):
                return node or None
            self.add_error("further", "A condition or a group is needed.")
        return None

    def _criteria(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        return criteria_document(
            tapes=cleaned["tapes"],
            lists={name: cleaned[name] for name in LISTS},
            ranges={name: (cleaned[f"{name}_from"], cleaned[f"{name}_to"]) for name in RANGES},
            is_reachable={"yes": True, "no": False}.get(cleaned["is_reachable"]),
            further=cleaned["further"],
            disclose=cleaned["disclose"],
        )


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
    values, further = plain_parts(package.criteria)
    for name in MONEY_RANGES:
        for end in (f"{name}_from", f"{name}_to"):
            if end in values:
                values[end] = format_minor(values[end], package.currency)
    return values | {
        "title": package.title,
        "transfer_basis": package.transfer_basis,
        "pool": Pool(package.currency, package.cut_off_date, ()).key,
        "further": json.dumps(further, ensure_ascii=False) if further else "",
    }


class ReasonForm(forms.Form):
    """Why a package is returned or withdrawn."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands in the history of the package.",
    )

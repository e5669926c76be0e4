"""What people type on the pages of a lot."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone

from npa_market.auctions.core import LotTerms
from npa_market.auctions.forms_terms import DECIMAL, BuyersFields, FormatFields, parsed
from npa_market.auctions.models import Lot, LotFormat
from npa_market.auctions.notices.forms import WordsFields
from npa_market.auctions.prefill import MONEY, PLAIN, SECONDS
from npa_market.auctions.terms import MAX_SOFT_CLOSE_SECONDS, Format, floor_after
from npa_market.common.errors import InvalidInput
from npa_market.common.forms import add_refusal
from npa_market.common.local_times import local_moment
from npa_market.common.money import format_minor
from npa_market.packages.models import Package

LOCAL_TIME = "%Y-%m-%dT%H:%M"


class BidForm(forms.Form):
    """An amount, typed or by step buttons, and the number of the request once it is reviewed."""

    amount = forms.CharField(
        max_length=40, required=False, widget=forms.TextInput(attrs={**DECIMAL, "size": 18})
    )
    steps = forms.IntegerField(min_value=1, max_value=1000, required=False)
    request_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    confirm_amount = forms.CharField(max_length=40, required=False)

    def __init__(self, *args: Any, lot: Lot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lot = lot
        self.fields["amount"].label = f"Amount, {lot.currency}"

    def clean(self) -> dict[str, Any]:
        """`amount_minor` from the step button that was pressed, else from the text."""
        values = super().clean() or {}
        steps = values.get("steps")
        if steps:
            values["amount_minor"] = floor_after(self.lot, self.lot.leading_minor, steps)
        elif not values.get("amount"):
            if "amount" not in self.errors:
                self.add_error("amount", "Write the amount you bid.")
        else:
            try:
                values["amount_minor"] = parsed(values["amount"], self.lot.currency, "amount")
            except forms.ValidationError as error:
                self.add_error("amount", error)
        values["confirmed_minor"] = self._confirmed(values.get("confirm_amount", ""))
        return values

    def take_focus(self) -> None:
        """Put the cursor into the amount when the form is shown, by htmx as well."""
        self.fields["amount"].widget.attrs["autofocus"] = True

    def _confirmed(self, text: str) -> int | None:
        """What was typed at the review; a text that is no amount confirms nothing."""
        try:
            return parsed(text, self.lot.currency, "confirm_amount") if text else None
        except forms.ValidationError:
            return None


class ReasonForm(forms.Form):
    """A reason that others will read."""

    reason = forms.CharField(max_length=300, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class DepositForm(forms.Form):
    """The bank line that brought a deposit."""

    bank_reference = forms.CharField(
        max_length=80, label="Bank line", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


def moments(form: forms.Form, names: Iterable[str], zone: ZoneInfo) -> dict[str, datetime]:
    """What was typed as times of a zone; a time that is none there or two stands as an error."""
    found = {}
    for name in names:
        typed = timezone.make_naive(form.cleaned_data[name], timezone.get_current_timezone())
        try:
            found[name] = local_moment(typed, zone, field=name)
        except InvalidInput as refusal:
            add_refusal(form, refusal)
    return found


def _moment_field(label: str, help_text: str = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        help_text=help_text,
        input_formats=[LOCAL_TIME, f"{LOCAL_TIME}:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL_TIME),
    )


class PackageChoice(forms.ModelChoiceField):
    """Packages by reference, title and claim."""

    def label_from_instance(self, obj: Package) -> str:
        claim = format_minor(obj.claim_minor, obj.currency, symbol=True)
        return f"{obj.reference} · {obj.title} · claim {claim}"


class LotForm(BuyersFields, FormatFields, WordsFields):
    """Announcement of a lot; times are typed on the wall clock of the lot's zone."""

    reannounces = forms.UUIDField(required=False, widget=forms.HiddenInput)
    package = PackageChoice(queryset=Package.objects.none(), empty_label=None)
    title = forms.CharField(max_length=200)
    start_price = forms.CharField(
        max_length=40, widget=forms.TextInput(attrs=DECIMAL), help_text="In the package's currency."
    )
    step = forms.CharField(
        max_length=40,
        label="Smallest step",
        widget=forms.TextInput(attrs=DECIMAL),
        help_text="Each bid is at least this much above the leading one.",
    )
    reserve = forms.CharField(
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs=DECIMAL),
        help_text="Lowest price at which you sell. Nobody outside your institution ever sees it.",
    )
    deposit = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs=DECIMAL),
        help_text="Held from each bidder; part of the price for the winner, paid back to others.",
    )
    format = forms.ChoiceField(
        choices=LotFormat.choices,
        initial=LotFormat.ASCENDING,
        required=False,
        help_text="Fields below that name a format count for it alone.",
    )
    time_zone = forms.CharField(max_length=40, help_text="Of the times below.")
    registration_ends_at = _moment_field("Registration ends")
    opens_at = _moment_field("Bidding opens")
    ends_at = _moment_field("Bidding ends")
    hard_end_at = _moment_field("Hard end", "No extension goes beyond.")
    window = forms.IntegerField(
        label="Extension window, seconds",
        initial=300,
        min_value=0,
        max_value=MAX_SOFT_CLOSE_SECONDS,
        help_text="A bid less than this before the end moves the end …",
    )
    extension = forms.IntegerField(
        label="Extension, seconds",
        initial=300,
        min_value=0,
        max_value=MAX_SOFT_CLOSE_SECONDS,
        help_text="… to this long after the bid.",
    )

    def __init__(self, *args: Any, packages: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["package"]
        assert isinstance(choice, PackageChoice)
        choice.queryset = packages
        last = (*FormatFields.base_fields, *BuyersFields.base_fields, *WordsFields.base_fields)
        for name in last:
            self.fields[name] = self.fields.pop(name)
        self.fields["time_zone"].initial = settings.VENUE_TIME_ZONE
        self.show_with_format()
        self.fields["invitees"].widget.attrs["data-only-for"] = f"buyers={self.INVITED}"

    def clean(self) -> dict[str, Any]:
        """`terms`, where every field could be read."""
        values = super().clean() or {}
        zone = self._zone(values.get("time_zone", ""))
        package = values.get("package")
        for name in ("start_price", "step", "reserve", "deposit", "lowest_price"):
            if package is not None and values.get(name):
                self.read_amount(name, values, package.currency)
        kind = Format(values.get("format") or Format.ASCENDING)
        own = self.format_terms(kind, values) if package is not None else {}
        values["invitees"] = self.invited_keys(kind, values)
        if self.errors or zone is None:
            return values
        times = moments(self, ("registration_ends_at", "opens_at", "ends_at", "hard_end_at"), zone)
        if self.errors:
            return values
        values["terms"] = LotTerms(
            start_price_minor=values["start_price_minor"],
            step_minor=values["step_minor"],
            deposit_minor=values["deposit_minor"],
            reserve_minor=values.get("reserve_minor"),
            window_seconds=values["window"],
            extension_seconds=values["extension"],
            time_zone=values["time_zone"],
            registration_ends_at=times["registration_ends_at"],
            opens_at=times["opens_at"],
            ends_at=times["ends_at"],
            hard_end_at=times["hard_end_at"],
            format=kind,
            **own,
        )
        return values

    def read_amount(self, name: str, values: dict[str, Any], currency: str) -> None:
        """Put the minor units of a typed amount beside it, or its fault beside the field."""
        try:
            values[f"{name}_minor"] = parsed(values[name], currency, name)
        except forms.ValidationError as error:
            self.add_error(name, error)

    def _zone(self, name: str) -> ZoneInfo | None:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            if "time_zone" not in self.errors:
                self.add_error("time_zone", "Name a zone of the IANA list, e.g. Asia/Shanghai.")
            return None


class TermsTemplateForm(LotForm):
    """The same form, of which only what a template keeps is read; a name is all that is needed."""

    terms_name = forms.CharField(max_length=100, label="Name of the template")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = {*PLAIN, *SECONDS.values(), *MONEY, "higher_steps", "buyers"}
        for name in set(self.fields) - kept - {"package", "terms_name"}:
            del self.fields[name]
        for name in kept:
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        """`document`: the terms that were typed, by their column on a lot."""
        values = forms.Form.clean(self) or {}
        package = values.get("package")
        if package is None:
            return values
        columns = {**{name: name for name in PLAIN}, **SECONDS}
        document = {
            column: values[field]
            for column, field in columns.items()
            if values.get(field) not in (None, "")
        }
        for name in MONEY:
            if values.get(name):
                self.read_amount(name, values, package.currency)
                document[f"{name}_minor"] = values.get(f"{name}_minor")
        document["higher_steps"] = [list(row) for row in self.checked_steps(values)]
        document["by_invitation"] = values.get("buyers") == self.INVITED
        return {**values, "document": document}

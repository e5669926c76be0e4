"""The announcement of an event: common terms, and a row for each package that is offered in it."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings

from npa_market.auctions.bundle import MAX_LOTS, MIN_LOTS
from npa_market.auctions.forms import LOCAL_TIME, moments
from npa_market.auctions.forms_terms import DECIMAL, BuyersFields, parsed
from npa_market.auctions.notices.forms import WordsFields
from npa_market.auctions.sale_events.services import Offered, Timetable
from npa_market.auctions.terms import Format
from npa_market.packages.models import Package

MONEY = ("start_price", "reserve", "deposit")
LABELS = {"start_price": "Start price", "reserve": "Reserve", "deposit": "Deposit"}
TIMES = ("registration_ends_at", "opens_at", "ends_at")


def _moment(label: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        input_formats=[LOCAL_TIME, f"{LOCAL_TIME}:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL_TIME),
    )


class EventForm(BuyersFields, WordsFields):
    """What all lots of an event have in common; times on the wall clock of the zone."""

    title = forms.CharField(max_length=200, help_text="Of the event; each lot has its package's.")
    time_zone = forms.CharField(max_length=40, help_text="Of the times below.")
    registration_ends_at = _moment("Registration ends")
    opens_at = _moment("Bidding opens")
    ends_at = _moment("Deadline of the envelopes")
    allows_withdrawal = forms.BooleanField(label="Envelopes may be withdrawn", required=False)
    field_order = (
        "title", "time_zone", *TIMES, "allows_withdrawal", "buyers", "invitees", "remark",
        "contact",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].initial = settings.VENUE_TIME_ZONE

    def clean(self) -> dict[str, Any]:
        """`timetable` and `invitees`, where every field could be read."""
        values = super().clean() or {}
        values["invitees"] = self.invited_keys(Format.SEALED, values)
        try:
            zone = ZoneInfo(values.get("time_zone", ""))
        except (KeyError, ValueError, OSError):
            if "time_zone" not in self.errors:
                self.add_error("time_zone", "Name a zone of the IANA list, e.g. Asia/Shanghai.")
            return values
        if not self.errors:
            times = moments(self, TIMES, zone)
        if not self.errors:
            values["timetable"] = Timetable(
                time_zone=values["time_zone"],
                allows_withdrawal=values["allows_withdrawal"],
                **times,
            )
        return values


class OfferedForm(forms.Form):
    """One package's row: whether it is offered, and at what."""

    is_offered = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, package: Package) -> None:
        super().__init__(data, prefix=f"p{package.pk.hex}")
        self.package = package
        self.fields["is_offered"].widget.attrs["aria-label"] = f"Offer {package.reference}"
        for name in MONEY:
            label = f"{LABELS[name]} of {package.reference}, {package.currency}"
            self.fields[name] = forms.CharField(
                label=LABELS[name],
                max_length=40,
                required=False,
                widget=forms.TextInput(attrs={**DECIMAL, "aria-label": label, "size": 14}),
            )

    def clean(self) -> dict[str, Any]:
        """`offered` where the package is chosen."""
        values = super().clean() or {}
        if not values.get("is_offered"):
            return values
        minors: dict[str, int | None] = {}
        for name in MONEY:
            minors[name] = None
            text = values.get(name)
            try:
                minors[name] = parsed(text, self.package.currency, name) if text else None
            except forms.ValidationError as error:
                self.add_error(name, error)
                continue
            if not text and name != "reserve":
                self.add_error(name, f"{LABELS[name]}: write the amount for this package.")
        if not self.errors:
            values["offered"] = Offered(
                package_id=self.package.pk,
                start_price_minor=minors["start_price"] or 0,
                deposit_minor=minors["deposit"] or 0,
                reserve_minor=minors["reserve"],
            )
        return values


class OfferedRows:
    """The rows of all packages that could be offered; the chosen ones in their order."""

    def __init__(self, packages: list[Package], data: Any = None) -> None:
        self.rows = [OfferedForm(data, package=each) for each in packages]
        self.chosen: list[OfferedForm] = []
        self.fault = ""

    def is_valid(self) -> bool:
        """Every chosen row can be read, and they are two at least."""
        are_read = [row.is_valid() for row in self.rows]
        self.chosen = [row for row in self.rows if row.data.get(row.add_prefix("is_offered"))]
        if not MIN_LOTS <= len(self.chosen) <= MAX_LOTS:
            self.fault = f"Choose {MIN_LOTS} to {MAX_LOTS} packages; one alone is a lot of its own."
        return all(are_read) and not self.fault

    @property
    def offered(self) -> list[Offered]:
        return [row.cleaned_data["offered"] for row in self.chosen]

    def take_refusal(self, field: str, message: str) -> bool:
        """Put a refusal beside the package that it names; False where it names none.

        The service names a field and the package's place, as in `reserve_2`.
        """
        name, _, number = field.rpartition("_")
        if not number.isdecimal() or not 0 < int(number) <= len(self.chosen):
            return False
        row = self.chosen[int(number) - 1]
        row.add_error(name if name in MONEY else None, message)
        return True

"""Amounts as they are typed, and the terms of single formats on the announcement's form."""

from typing import Any
from uuid import UUID

from django import forms

from npa_market.auctions.terms import Format
from npa_market.common.errors import InvalidInput
from npa_market.common.money import parse_minor
from npa_market.parties.models import Organisation, QualificationState
from npa_market.parties.roles import OrganisationKind

DECIMAL = {"inputmode": "decimal", "autocomplete": "off"}


def parsed(text: str, currency: str, field: str) -> int:
    """Minor units of what was typed, or the form's own kind of error."""
    try:
        return parse_minor(text, currency, field=field)
    except InvalidInput as error:
        raise forms.ValidationError(error.message, code=error.code) from error


class BuyersFields(forms.Form):
    """Who may buy: everybody whom the venue has qualified, or institutions by name."""

    ALL, INVITED = "qualified", "invited"
    buyers = forms.ChoiceField(
        label="Who may buy",
        choices=[(ALL, "All qualified institutions"), (INVITED, "Invited institutions only")],
        initial=ALL,
        required=False,
        help_text="The announcement says so, without names. A negotiated lot has its one buyer.",
    )
    invitees = forms.ModelMultipleChoiceField(
        label="Invited institutions",
        queryset=Organisation.objects.filter(
            kind=OrganisationKind.BUYER, qualification=QualificationState.QUALIFIED
        ).order_by("name"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 6}),
        help_text="Where only invited ones may buy; nobody else sees the lot.",
    )

    def invited_keys(self, kind: Format, values: dict[str, Any]) -> list[UUID] | None:
        """Keys of the invited institutions; None where all qualified ones may buy."""
        chosen = [each.pk for each in values.get("invitees") or []]
        is_restricted = values.get("buyers") == self.INVITED and kind != Format.NEGOTIATED
        if is_restricted and not chosen and "invitees" not in self.errors:
            self.add_error("invitees", "Choose the institutions that you invite.")
        if chosen and not is_restricted:
            words = "These count only where the lot is for invited institutions; choose that above."
            self.add_error("invitees", words)
        return chosen if is_restricted else None


class FormatFields(forms.Form):
    """Terms of the single formats on the announcement's form."""

    higher_steps = forms.CharField(
        label="Step table",
        required=False,
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "2,500,000.00: 50,000.00"}),
        help_text="Ascending: steps by price; each line a price, a colon, the step from there.",
    )
    max_extensions = forms.IntegerField(
        label="Extensions at most",
        required=False,
        min_value=0,
        max_value=10_000,
        help_text="Ascending; empty = the hard end alone.",
    )
    allows_proxy = forms.BooleanField(
        label="Every bid is a maximum",
        required=False,
        help_text="Ascending: the venue bids for the leader up to it, by the smallest step; then"
        " without a reserve.",
    )
    allows_withdrawal = forms.BooleanField(
        label="Envelopes may be withdrawn", required=False, help_text="Sealed, until the deadline."
    )
    lowest_price = forms.CharField(
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs=DECIMAL),
        help_text="Falling price: where the fall stops. The smallest step is the fall per tick.",
    )
    tick_seconds = forms.IntegerField(
        label="Tick, seconds",
        initial=60,
        required=False,
        min_value=5,
        max_value=86_400,
        help_text="Falling price.",
    )
    round_seconds = forms.IntegerField(
        label="Sealed round, seconds",
        initial=600,
        required=False,
        min_value=60,
        max_value=86_400,
        help_text="Falling price: time to exceed what was accepted.",
    )
    best_bid_seconds = forms.IntegerField(
        label="Best bid, seconds",
        initial=300,
        required=False,
        min_value=60,
        max_value=86_400,
        help_text="Falling price: time of the acceptor to answer.",
    )
    invited_name = forms.CharField(
        label="Invited buyer",
        required=False,
        max_length=200,
        help_text="Negotiated: the registered name of the one institution you talk with.",
    )

    # The page shows these with their format alone; without its script all stand there.
    COUNT_FOR = {
        Format.ASCENDING: ("higher_steps", "max_extensions", "allows_proxy"),
        Format.SEALED: ("allows_withdrawal",),
        Format.DUTCH: ("lowest_price", "tick_seconds", "round_seconds", "best_bid_seconds"),
        Format.NEGOTIATED: ("invited_name",),
    }

    def show_with_format(self) -> None:
        """Tie each field to the choice of format for which it counts."""
        for kind, names in self.COUNT_FOR.items():
            for name in names:
                self.fields[name].widget.attrs["data-only-for"] = f"format={kind}"

    def step_rows(self, text: str, currency: str) -> tuple[tuple[int, int], ...]:
        """The step table; an unreadable line is named."""
        rows = []
        for number, line in enumerate(filter(str.strip, text.splitlines()), 1):
            price, _, step = line.partition(":")
            try:
                row = [parsed(part, currency, "higher_steps") for part in (price, step)]
                rows.append((row[0], row[1]))
            except forms.ValidationError as error:
                words = (
                    f"Line {number}: {' '.join(error.messages)} Write a price, a colon and a step."
                )
                raise forms.ValidationError(words) from error
        return tuple(rows)

    def format_terms(self, kind: Format, values: dict[str, Any]) -> dict[str, Any]:
        """The terms of a format out of what was typed; faults stand beside their fields."""
        match kind:
            case Format.ASCENDING:
                return {
                    "higher_steps": self.checked_steps(values),
                    "max_extensions": values.get("max_extensions"),
                    "allows_proxy": bool(values.get("allows_proxy")),
                }
            case Format.SEALED:
                return {"allows_withdrawal": bool(values.get("allows_withdrawal"))}
            case Format.DUTCH:
                return {
                    "lowest_price_minor": values.get("lowest_price_minor"),
                    **{
                        name: values.get(name) or self.fields[name].initial
                        for name in ("tick_seconds", "round_seconds", "best_bid_seconds")
                    },
                }
        name = (values.get("invited_name") or "").strip()
        buyer = Organisation.objects.filter(name=name, kind=OrganisationKind.BUYER).first()
        if buyer is None:
            self.add_error("invited_name", "Name a buyer as it is registered with the venue.")
        return {"invited": str(buyer.pk) if buyer else ""}

    def checked_steps(self, values: dict[str, Any]) -> tuple[tuple[int, int], ...]:
        """The step table that was typed; a fault stands beside it."""
        try:
            return self.step_rows(values.get("higher_steps") or "", values["package"].currency)
        except forms.ValidationError as error:
            self.add_error("higher_steps", error)
            return ()

"""What people type about a limit."""

from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL, parsed
from npa_market.auctions.models import Lot


class LimitForm(forms.Form):
    """The most that the institution bids on a lot."""

    prefix = "limit"
    amount = forms.CharField(
        max_length=40,
        widget=forms.TextInput(attrs={**DECIMAL, "size": 18}),
        help_text="Your institution's secret. Another signatory approves it.",
    )

    def __init__(self, *args: Any, lot: Lot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lot = lot
        self.fields["amount"].label = f"Limit, {lot.currency}"

    def clean(self) -> dict[str, Any]:
        """`amount_minor` from the text."""
        values = super().clean() or {}
        if values.get("amount"):
            try:
                values["amount_minor"] = parsed(values["amount"], self.lot.currency, "amount")
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return values


class LimitChoice(forms.Form):
    """The limit that was read and is approved or withdrawn."""

    limit = forms.UUIDField(widget=forms.HiddenInput)

"""What people type about a limit."""

from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL, parsed
from npa_market.auctions.guard.outliers import Unconfirmed
from npa_market.auctions.models import Lot
from npa_market.common.errors import InvalidInput
from npa_market.common.money import parse_minor


class AskedAgain(forms.Form):
    """A form whose amount is typed once more where it looks like a slip of the hand.

    The second field is there only in answer to an unusual amount, empty, so that it is typed.
    """

    AGAIN = "confirm_amount"

    def typed_again(self, lot: Lot) -> int | None:
        """Minor units of the second typing; None where there is none or it is no amount."""
        try:
            return parse_minor(self.data.get(self.add_prefix(self.AGAIN), ""), lot.currency)
        except InvalidInput:
            return None

    def ask_again(self, question: Unconfirmed, lot: Lot) -> None:
        """Show the second field, with why."""
        self.fields[self.AGAIN] = forms.CharField(
            label=f"Amount again, {lot.currency}",
            widget=forms.TextInput(attrs={**DECIMAL, "size": 18}),
        )
        self.order_fields(["amount", self.AGAIN])
        self.data = {**dict(self.data.items()), self.add_prefix(self.AGAIN): ""}
        self.add_error(self.AGAIN, question.message)


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

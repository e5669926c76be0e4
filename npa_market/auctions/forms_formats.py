"""What people type on falling and negotiated lots; a form carries its request's number."""

from copy import copy
from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL, parsed
from npa_market.auctions.guard.forms import AskedAgain
from npa_market.auctions.models import Lot
from npa_market.common.errors import Refused
from npa_market.common.fields import uuid7
from npa_market.common.forms import add_refusal
from npa_market.common.money import MAX_MINOR, format_minor


class RequestForm(forms.Form):
    """The number of a request, made when the form is shown."""

    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)


def with_new_request(form: forms.Form) -> None:
    """Show the form with what was typed and another number: the one it had has its answer."""
    typed: Any = copy(form.data)  # A QueryDict that takes changes.
    typed[form.add_prefix("request_id")] = str(uuid7())
    form.data = typed


def note_refusal(form: forms.Form, refusal: Refused) -> None:
    """A refusal beside the form; a number that was used already is replaced, so that what is typed
    can be sent as a new request."""
    add_refusal(form, refusal)
    if refusal.code == "request_reused":
        with_new_request(form)
        form.add_error(None, "Look at the lot first. To bid this amount too, send the form again.")


class PriceForm(RequestForm):
    """The falling price that the page showed."""

    amount_minor = forms.IntegerField(
        min_value=1, max_value=MAX_MINOR, widget=forms.HiddenInput, required=True
    )


class RoundForm(RequestForm, AskedAgain):
    """An amount above the price that was accepted."""

    amount = forms.CharField(max_length=40, widget=forms.TextInput(attrs={**DECIMAL, "size": 18}))

    def __init__(self, *args: Any, lot: Lot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lot = lot
        self.fields["amount"].label = f"Amount, {lot.currency}"

    def clean(self) -> dict[str, Any]:
        """`amount_minor` from the text."""
        values = super().clean() or {}
        if values.get("amount"):
            try:
                values["amount_minor"] = parsed(values["amount"], self.lot.currency, "amount")
            except forms.ValidationError as error:
                self.add_error("amount", error)
        return values


class OfferForm(RoundForm):
    """A price for the other side, and how long it stands."""

    valid_hours = forms.IntegerField(
        label="Stands for, hours", min_value=1, max_value=720, initial=48
    )


class AnswerForm(RequestForm):
    """An answer to one offer, by its number."""

    offer = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    answer = forms.ChoiceField(
        choices=[("accept", "Accept"), ("decline", "Decline"), ("withdraw", "Withdraw")]
    )


def price_form(amount_minor: int, currency: str) -> PriceForm:
    """The form that takes the price shown."""
    form = PriceForm(initial={"amount_minor": amount_minor})
    form.fields["amount_minor"].label = format_minor(amount_minor, currency)
    return form

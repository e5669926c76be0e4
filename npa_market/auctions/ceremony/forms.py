"""What bidders and holders of a key type on the pages of a sealed lot."""

import json
from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL, parsed
from npa_market.auctions.guard.forms import AskedAgain
from npa_market.auctions.guard.outliers import (
    Typed,
    Unconfirmed,
    require_confirmed,
    yardstick_of,
)
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import Lot
from npa_market.auctions.offline import seal
from npa_market.auctions.sale_events.limits import whole_yardstick
from npa_market.parties.models import Organisation

MAX_UPLOAD = 20_000


class EnvelopeForm(forms.Form):
    """A sealed envelope: the page's own, or the text of `envelope.txt`."""

    envelope = forms.CharField(
        label="Envelope", max_length=2_000, strip=True,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="The text of the file envelope.txt that seal.py made.",
    )  # fmt: skip
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def clean_envelope(self) -> bytes:
        try:
            return seal.envelope_from(self.cleaned_data["envelope"])
        except seal.Refused as reason:
            raise forms.ValidationError(f"This is no envelope: {reason}.") from reason


class ServerSealForm(AskedAgain):
    """The weaker mode: the amount travels to the venue, which seals it.

    In the first lot of an event, an amount for the whole beside it or instead of it.
    """

    amount = forms.CharField(max_length=40, widget=forms.TextInput(attrs={**DECIMAL, "size": 18}))
    whole = forms.CharField(
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={**DECIMAL, "size": 18}),
        help_text="For all its lots together; leave the amount above empty to bid for it alone.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, lot: Lot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lot = lot
        self.fields["amount"].label = f"Amount, {lot.currency}"
        self.fields["whole"].label = f"Amount for the whole event, {lot.currency}"
        if lot.whole_start_minor is None:
            del self.fields["whole"]
        else:
            self.fields["amount"].required = False

    def clean(self) -> dict[str, Any]:
        """`amount_minor` and `whole_minor`, None where nothing was typed."""
        values = super().clean() or {}
        for name in ("amount", "whole"):
            values[f"{name}_minor"] = None
            if values.get(name):
                try:
                    values[f"{name}_minor"] = parsed(values[name], self.lot.currency, name)
                except forms.ValidationError as error:
                    self.add_error(name, error)
        if not self.errors and values["amount_minor"] is None and values["whole_minor"] is None:
            self.add_error("amount", "Write an amount for this lot, for the whole, or both.")
        return values

    def asks_again(self, buyer: Organisation) -> bool:
        """Show a second field for each unusual amount that was not typed twice; whether one is.

        What was typed again before stays, so that an answer to one question asks no other anew.
        """
        questions: dict[str, Unconfirmed | None] = {}
        for name, again, yardstick in (
            ("amount", self.AGAIN, yardstick_of(self.lot.pk, buyer)),
            ("whole", self.WHOLE_AGAIN, whole_yardstick(self.lot, buyer)),
        ):
            amount_minor = self.cleaned_data[f"{name}_minor"]
            if amount_minor is None:
                continue
            confirmed_minor = self.typed_again(self.lot, again)
            request_id = self.cleaned_data["request_id"]
            typed = Typed(
                amount_minor=amount_minor, confirmed_minor=confirmed_minor, request_id=request_id
            )
            try:
                require_confirmed(yardstick, buyer, typed)
            except Unconfirmed as question:
                questions[again] = question
            else:
                questions |= {again: None} if confirmed_minor is not None else {}
        for again, asked in questions.items():
            if asked is None:
                self.show_again(self.lot, again)
            else:
                self.ask_again(asked, self.lot, again)
        return any(questions.values())


class ShareForm(forms.Form):
    """A holder's share."""

    holder = forms.ChoiceField(choices=())
    words = forms.CharField(
        label="Words of the share",
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text="In the order of the sheet, separated by blanks.",
    )

    def __init__(self, *args: Any, holders: list[Holder], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["holder"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each.value, each.value.capitalize()) for each in holders]


class RevealForm(forms.Form):
    """The secret receipt that was saved when the envelope was sealed."""

    receipt = forms.FileField(label="Receipt file")

    def clean_receipt(self) -> dict[str, Any]:
        file = self.cleaned_data["receipt"]
        if file.size > MAX_UPLOAD:
            raise forms.ValidationError("This file is too large for a receipt.")
        try:
            document = json.loads(file.read())
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise forms.ValidationError("This is no receipt file; choose receipt-….json.")
        return document

"""What bidders and holders of a key type on the pages of a sealed lot."""

import json
from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL
from npa_market.auctions.guard.forms import AskedAgain
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.offline import seal

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
    """The weaker mode: the amount travels to the venue, which seals it."""

    amount = forms.CharField(max_length=40, widget=forms.TextInput(attrs={**DECIMAL, "size": 18}))
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].label = f"Amount, {currency}"


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

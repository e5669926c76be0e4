"""What bidders and holders of a key type on the pages of a sealed lot."""

import json
from typing import Any

from django import forms

from npa_market.auctions.forms_terms import DECIMAL, parsed
from npa_market.auctions.lot_keys import Holder
from npa_market.auctions.models import Lot
from npa_market.auctions.offline import seal

MAX_UPLOAD = 20_000


def _amount_field(help_text: str = "") -> forms.CharField:
    return forms.CharField(
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={**DECIMAL, "size": 18}),
        help_text=help_text,
    )


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


class ServerSealForm(forms.Form):
    """The weaker mode: the amount travels to the venue, which seals it.

    Every amount is typed twice: to ask for unusual ones alone would tell them from the others (S7).
    In the first lot of an event, an amount for the whole beside it or instead of it.
    """

    amount = _amount_field()
    again = _amount_field()
    whole = _amount_field(
        "For all its lots together; leave the amounts above empty to bid for it alone."
    )
    whole_again = _amount_field()
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, lot: Lot, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lot = lot
        labels = {
            "amount": "Amount",
            "again": "Amount again",
            "whole": "Amount for the whole event",
            "whole_again": "Amount for the whole event again",
        }
        for name, words in labels.items():
            self.fields[name].label = f"{words}, {lot.currency}"
        takes_whole = lot.whole_start_minor is not None
        for name in ("amount", "again"):
            self.fields[name].required = not takes_whole
        if not takes_whole:
            del self.fields["whole"], self.fields["whole_again"]

    def clean(self) -> dict[str, Any]:
        """`amount_minor` and `whole_minor`, None where nothing was typed."""
        values = super().clean() or {}
        values["amount_minor"] = self._typed_twice(values, "amount", "again")
        values["whole_minor"] = self._typed_twice(values, "whole", "whole_again")
        if not self.errors and values["amount_minor"] is None and values["whole_minor"] is None:
            self.add_error("amount", "Write an amount for this lot, for the whole, or both.")
        return values

    def _typed_twice(self, values: dict[str, Any], name: str, again: str) -> int | None:
        """Minor units that both fields say; None where both are empty or one is wrong."""
        texts = {each: values[each] for each in (name, again) if each in values}
        if not any(texts.values()):
            return None
        read: dict[str, int] = {}
        for each, text in texts.items():
            try:
                read[each] = parsed(text, self.lot.currency, each)
            except forms.ValidationError as error:
                self.add_error(each, error)
        if len(read) < 2:
            return None
        if read[name] != read[again]:
            self.add_error(again, "The two amounts differ; type the one that is meant.")
        return read[name]


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

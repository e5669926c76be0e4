"""What a seller types on a notice."""

from typing import Any

from django import forms

from npa_market.auctions.notices.services import MAX_REASON, MAX_WORDS
from npa_market.packages.models import Package


class WordsFields(forms.Form):
    """The seller's own words, published as they are."""

    remark = forms.CharField(
        max_length=MAX_WORDS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Published as written. No names or data of borrowers, no price.",
    )
    contact = forms.CharField(
        max_length=MAX_WORDS,
        required=False,
        help_text="Whom institutions ask: department, telephone, e-mail.",
    )


class PremarketingForm(WordsFields):
    """A pre-marketing notice of a sealed package."""

    package = forms.ModelChoiceField(queryset=Package.objects.none(), empty_label=None)
    bidding_day = forms.DateField(
        label="Planned bidding day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The announcement may name a later one.",
    )
    field_order = ["package", "bidding_day", "remark", "contact"]

    def __init__(self, *args: Any, packages: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["package"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = packages


class WithdrawalForm(forms.Form):
    """Why a notice is withdrawn; everybody reads it."""

    reason = forms.CharField(max_length=MAX_REASON)

"""Forms of reports and data rooms."""

from typing import Any, cast

from django import forms

from npa_market.packages.models import Package
from npa_market.valuation.models import Valuation, ValuationState


class ReportForm(forms.Form):
    """Which of the seller's own valuations the report shows."""

    valuation = forms.ModelChoiceField(
        queryset=Valuation.objects.none(),
        empty_label=None,
        help_text="The report shows its price, quantiles and assumptions, never the reserve.",
    )

    def __init__(self, *args: Any, package: Package, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = cast(forms.ModelChoiceField, self.fields["valuation"])
        choice.queryset = Valuation.objects.filter(
            package=package, organisation=package.seller_id, state=ValuationState.DONE
        )
        choice.label_from_instance = lambda obj: str(obj.short_name)  # type: ignore[method-assign]


class NdaForm(forms.Form):
    """Signature under the text that the page shows."""

    signed_name = forms.CharField(
        label="Your full name",
        max_length=120,
        help_text="It stands as the signature, with the time and the hash of the text.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    accepts = forms.BooleanField(
        label="I have read the agreement and may sign it for my institution.",
        error_messages={"required": "Tick the box to sign."},
    )


class RevokeForm(forms.Form):
    """Which admission ends, and why; the buyer is told the reason."""

    admission = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.CharField(max_length=300, widget=forms.TextInput)

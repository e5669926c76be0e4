"""Forms of institutions; the rules are checked by the services."""

from datetime import date, timedelta
from typing import Any, cast

from django import forms

from npa_market.parties.models import Organisation, QualificationState
from npa_market.parties.qualification import NEXT_STATES

VERB = {
    QualificationState.QUALIFIED: "Qualify",
    QualificationState.REFUSED: "Refuse",
    QualificationState.SUSPENDED: "Suspend",
}


class DecisionForm(forms.Form):
    state = forms.ChoiceField(label="Decision", widget=forms.RadioSelect)
    until = forms.DateField(
        label="Papers valid until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Needed to qualify. Papers are renewed every year.",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed to refuse or suspend. The institution reads it.",
    )

    def __init__(self, *args: Any, organisation: Organisation, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        state = QualificationState(organisation.qualification)
        cast(forms.ChoiceField, self.fields["state"]).choices = [
            (choice.value, self._verb(state, choice))
            for choice in QualificationState
            if choice in NEXT_STATES[state]
        ]
        self.fields["until"].initial = today + timedelta(days=365)

    @staticmethod
    def _verb(before: QualificationState, choice: QualificationState) -> str:
        return "Renew" if before == choice else VERB[choice]


class BidLimitRuleForm(forms.Form):
    requires_bid_limit = forms.BooleanField(
        label="Bids only under a limit that two of its people approved",
        required=False,
        help_text="Set or lift it at the institution's written request.",
    )


class DeliveryKeyForm(forms.Form):
    public_key = forms.CharField(
        label="age public key",
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Starts with age1. Make the pair with age-keygen and keep the private key in"
        " your own house: the venue cannot read what it delivers to you.",
    )


class TokenForm(forms.Form):
    days = forms.TypedChoiceField(
        label="Lives for",
        coerce=int,
        choices=[(1, "1 day"), (30, "30 days"), (90, "90 days"), (365, "1 year")],
        initial=30,
    )

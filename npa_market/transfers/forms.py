"""Inputs on a deal's page."""

import re
from typing import Any

from django import forms

from npa_market.common.errors import InvalidInput
from npa_market.common.money import format_minor, parse_minor
from npa_market.transfers.services import DepositFate
from npa_market.transfers.services.erasing import LONGEST_REASON, SHORTEST_REASON
from npa_market.transfers.terms import PUTBACK_REASONS


class PaymentForm(forms.Form):
    """A line of the venue's bank statement."""

    amount = forms.CharField(
        label="Amount received",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    bank_reference = forms.CharField(
        label="Line of the bank statement",
        max_length=120,
        help_text="As the bank names it; each line is matched once.",
    )

    def __init__(self, *args: Any, currency: str, due_minor: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        amount = self.fields["amount"]
        amount.label = f"Amount received, {currency}"
        amount.help_text = (
            f"{format_minor(due_minor, currency)} is due. A part is recorded as a part."
        )

    def clean_amount(self) -> int:
        """Minor units of the amount."""
        try:
            return parse_minor(self.cleaned_data["amount"], self.currency)
        except InvalidInput as refusal:
            raise forms.ValidationError(refusal.message) from refusal


class ReceiptForm(forms.Form):
    """The hash of what came out of the encrypted file."""

    sha256 = forms.CharField(
        label="SHA-256 of the decrypted ZIP",
        max_length=80,
        help_text="For example: age -d -i key.txt -o loans.zip delivery.age, then"
        " sha256sum loans.zip.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ExclusionForm(forms.Form):
    """Loans that leave the deal before the contract."""

    tokens = forms.CharField(
        label="Loan tokens",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One or more, separated by blanks, commas or lines.",
    )
    reason = forms.ChoiceField(
        choices=[(code, f"{code}: {words}") for code, words, _ in PUTBACK_REASONS]
    )

    def clean_tokens(self) -> list[str]:
        """The tokens as a list."""
        return [each for each in re.split(r"[\s,;]+", self.cleaned_data["tokens"]) if each]


class CancelForm(forms.Form):
    """Why a deal ends before title moved, and what becomes of the deposit."""

    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    deposit = forms.ChoiceField(
        label="Deposit of the buyer",
        choices=[
            (DepositFate.REFUND.value, "Back to the buyer"),
            (DepositFate.FORFEIT.value, "Forfeited to the seller"),
        ],
    )


class ErasureForm(forms.Form):
    """Why the copies go; it stands in the log for years."""

    reason = forms.CharField(
        min_length=SHORTEST_REASON,
        max_length=LONGEST_REASON,
        help_text="Kept in the evidence log with your name; name no person in it.",
    )

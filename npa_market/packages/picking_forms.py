"""Forms of the optimiser and of the split."""

from typing import Any

from django import forms

from npa_market.common.errors import InvalidInput
from npa_market.common.money import parse_minor
from npa_market.packages.models import SavedCriteria
from npa_market.packages.picking import DIMENSIONS, MEASURES, Order, Source
from npa_market.packages.queries import Pool, pools_of
from npa_market.packages.splitting import MAX_PARTS
from npa_market.parties.models import Organisation

LIMIT_ROWS = 10


def _share(label: str, initial: str, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=0,
        max_value=100,
        decimal_places=2,
        initial=initial,
        help_text=help_text,
    )


class SourceForm(forms.Form):
    """The pool, which loans of it, and what a loan is assumed to fetch."""

    title = forms.CharField(max_length=180, help_text="Of the draft; for example: Autumn, East")
    pool = forms.ChoiceField(label="Draw from")
    saved = forms.ChoiceField(
        label="Among",
        required=False,
        help_text="All loans of the pool, or those that saved criteria choose.",
    )
    transfer_basis = forms.CharField(
        label="Legal basis of the transfer", required=False, max_length=300
    )
    price = _share("Price of a loan just charged off, % of the claim", "5")
    decline = _share(
        "Decline of that price, % a year", "25", "Your own assumption, kept with the draft."
    )

    def __init__(self, *args: Any, seller: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seller = seller
        self.pools = pools_of(seller)
        self._offer("pool", [(pool.key, pool.title) for pool in self.pools])
        kept = SavedCriteria.objects.filter(seller=seller)
        self._offer("saved", [("", "All loans"), *((str(each.pk), each.name) for each in kept)])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def chosen_pool(self) -> Pool | None:
        """The pool of valid input."""
        key = self.cleaned_data.get("pool")
        return next((pool for pool in self.pools if pool.key == key), None)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        pool, key = self.chosen_pool, cleaned.get("saved")
        if key and pool:
            kept = SavedCriteria.objects.get(seller=self.seller, pk=key)
            if kept.currency != pool.currency:
                self.add_error("saved", f"These criteria are in {kept.currency}.")
            cleaned["criteria"] = kept.document
        return cleaned

    def source(self) -> Source:
        """What valid input means."""
        pool, cleaned = self.chosen_pool, self.cleaned_data
        assert pool, "a valid form has a pool"
        return Source(
            currency=pool.currency,
            cut_off_date=pool.cut_off_date,
            criteria=cleaned.get("criteria", {}),
            price_share=float(cleaned["price"]) / 100,
            yearly_decline=float(cleaned["decline"]) / 100,
        )


class PickForm(SourceForm):
    """A target and limits."""

    measure = forms.ChoiceField(label="Reach", choices=list(MEASURES.items()))
    amount = forms.CharField(
        label="Up to",
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="An amount, or a number of loans. The pick comes within 1 % of it.",
    )
    maximise = forms.ChoiceField(
        label="With as much as possible of", choices=list(MEASURES.items()), initial="price"
    )
    whole = forms.BooleanField(
        label="All loans of a borrower, or none", required=False, initial=True
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dimensions = [("", "No limit"), *DIMENSIONS.items()]
        for number in range(LIMIT_ROWS):
            self.fields[f"dimension_{number}"] = forms.ChoiceField(
                label=f"Limit {number + 1} by", required=False, choices=dimensions
            )
            self.fields[f"class_{number}"] = forms.CharField(
                label="Of", required=False, max_length=100
            )
            self.fields[f"share_{number}"] = forms.DecimalField(
                label="At most, % of the claim", required=False, min_value=0, max_value=100
            )

    def limit_rows(self) -> list[tuple[Any, Any, Any]]:
        """The fields of each limit."""
        names = ("dimension", "class", "share")
        return [
            (self[f"{names[0]}_{n}"], self[f"{names[1]}_{n}"], self[f"{names[2]}_{n}"])
            for n in range(LIMIT_ROWS)
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        pool, typed = self.chosen_pool, cleaned.get("amount")
        if pool and typed:
            try:
                cleaned["amount"] = self._amount(typed, cleaned.get("measure", ""), pool.currency)
            except InvalidInput as refusal:
                self.add_error("amount", refusal.message)
        for number in range(LIMIT_ROWS):
            if cleaned.get(f"dimension_{number}") and cleaned.get(f"share_{number}") is None:
                self.add_error(f"share_{number}", "Write the largest share.")
        return cleaned

    def _amount(self, typed: str, measure: str, currency: str) -> int:
        if measure != "loans":
            return parse_minor(typed, currency, field="amount")
        plain = typed.replace(",", "").strip()
        if not plain.isascii() or not plain.isdigit() or len(plain) > 9:
            raise InvalidInput("amount_wrong", "Write a whole number of loans.", field="amount")
        return int(plain)

    def order(self) -> Order:
        """What valid input asks for."""
        cleaned = self.cleaned_data
        limits = tuple(
            (
                cleaned[f"dimension_{number}"],
                cleaned[f"class_{number}"].strip(),
                float(cleaned[f"share_{number}"]) / 100,
            )
            for number in range(LIMIT_ROWS)
            if cleaned.get(f"dimension_{number}")
        )
        return Order(
            measure=cleaned["measure"],
            amount=cleaned["amount"],
            maximise=cleaned["maximise"],
            limits=limits,
            keeps_borrowers_whole=cleaned["whole"],
        )


class SplitForm(SourceForm):
    """Into how many comparable packages."""

    parts = forms.IntegerField(
        label="Number of packages", min_value=2, max_value=MAX_PARTS, initial=3
    )

"""What a person asks of a valuation, in percent and major units, as people write them."""

from decimal import Decimal
from typing import Any

from django import forms

from npa_market.common.templatetags.market import count
from npa_market.packages.models import Package, PackageState
from npa_market.parties.models import Organisation, User
from npa_market.parties.roles import OrganisationKind
from npa_market.valuation.door import REFERENCE_OF, reference_of
from npa_market.valuation.histories import NEEDED
from npa_market.valuation.models import Valuation, ValuationState
from npa_market.valuation.queries import calibrations, fits_of, fitted_calibration
from npa_market.valuation.rules import Commission, may_run

PATHS = (256, 512, 1024, 2048, 4096, 8192, 16_384)
HUNDRED = Decimal(100)
LOWEST_RATE, HIGHEST_RATE = -99, 1000
COSTS = ("fee_share", "work_cost", "case_cost")


def packages_for(user: User, organisation: Organisation) -> Any:
    """Sealed packages this person may have valued for this institution."""
    seen = Package.objects.visible_to(user).filter(state=PackageState.SEALED)
    allowed = [each.pk for each in seen if may_run(user, Commission(each, organisation))]
    return seen.filter(pk__in=allowed)


class ValuationForm(forms.Form):
    """A run's inputs in percent and major units. The limits stand here too, so that all wrong
    fields are shown at once; the service decides."""

    package = forms.ModelChoiceField(
        queryset=Package.objects.none(),
        empty_label="Choose a package",
        help_text="Sealed packages only: a valuation names the sealed file it was computed from. "
        f"Packages in {' and '.join(REFERENCE_OF)} can be valued.",
    )
    calibration_name = forms.ChoiceField(
        label="Calibration",
        required=False,
        help_text="How such loans pay. A reference is not fitted to the seller's history; every "
        "page that shows its figures says so.",
    )
    buyer_irr = forms.DecimalField(
        label="Buyer's IRR, % a year",
        initial=20,
        min_value=LOWEST_RATE,
        max_value=HIGHEST_RATE,
        help_text="The return on expected cash that the price must still earn. It already holds "
        "a premium for risk.",
    )
    horizon_months = forms.IntegerField(
        label="Horizon, months",
        initial=60,
        min_value=1,
        max_value=240,
        help_text="Receipts after this month count as nothing. 1 to 240.",
    )
    channel = forms.ChoiceField(
        label="Channel of collection",
        required=False,
        help_text="One way of collecting for all loans; it decides costs, delay and uplift.",
    )
    fee_share = forms.DecimalField(
        label="Fee, % of receipts",
        required=False,
        min_value=0,
        max_value=100,
        help_text="Left empty, the calibration's figure for the channel stands: agency 25 %.",
    )
    work_cost = forms.DecimalField(
        label="Work, per open loan and month",
        required=False,
        min_value=0,
        help_text="In the package's currency; calls, letters, people. Empty: the calibration's.",
    )
    case_cost = forms.DecimalField(
        label="Case, per loan once",
        required=False,
        min_value=0,
        help_text="In the package's currency, paid in the first month. Empty: the calibration's.",
    )
    seller_rate = forms.DecimalField(
        label="Seller's own rate, % a year",
        initial=10,
        min_value=LOWEST_RATE,
        max_value=HIGHEST_RATE,
        help_text="Discounts the same cash for your reserve. Seen by your valuers and approvers.",
    )
    paths = forms.TypedChoiceField(
        coerce=int,
        choices=[(paths, f"{paths:,}") for paths in PATHS],
        initial=4096,
        help_text="Simulated futures. More make the error of the figures smaller and take longer.",
    )
    seed = forms.IntegerField(
        initial=1,
        min_value=0,
        max_value=2**53 - 1,
        help_text="Start of the random numbers: the same seed and inputs give the same bytes.",
    )

    def __init__(self, *args: Any, user: User, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["package"].queryset = packages_for(user, organisation)
        shipped = calibrations()
        fields["package"].label_from_instance = lambda each: f"{each.reference}: {each.title}"
        names = [(each.name, f"{each.label}, {each.currency}") for each in shipped]
        self.fits = {str(fit.pk): fit for fit in fits_of(organisation)}
        names += [(key, f"{fit.title}, fitted, {fit.currency}") for key, fit in self.fits.items()]
        fields["calibration_name"].choices = [("", "Reference of the currency"), *names]
        channels = dict.fromkeys(channel.name for each in shipped for channel in each.channels)
        words = [(name, name.replace("_", " ")) for name in channels]
        fields["channel"].choices = [("", "As the calibration: agency"), *words]
        if organisation.kind != OrganisationKind.SELLER:
            del fields["seller_rate"]

    def terms(self) -> dict[str, Any]:
        """The terms as the service takes them: shares instead of percents; empty is left out."""
        cleaned = self.cleaned_data
        terms: dict[str, Any] = {
            "buyer_irr": float(cleaned["buyer_irr"] / HUNDRED),
            "horizon_months": cleaned["horizon_months"],
            "paths": cleaned["paths"],
            "seed": cleaned["seed"],
        }
        if "seller_rate" in cleaned:
            terms["seller_rate"] = float(cleaned["seller_rate"] / HUNDRED)
        if cleaned["channel"]:
            terms["channel"] = cleaned["channel"]
        changed = {name: cleaned[name] for name in COSTS if cleaned[name] is not None}
        if changed:
            terms["costs"] = [self._channel_costs(changed)]
        return terms

    def _channel_costs(self, changed: dict[str, Decimal]) -> dict[str, Any]:
        """The calibration's channel with the figures that were typed."""
        currency = self.cleaned_data["package"].currency
        wanted = self.cleaned_data["calibration_name"]
        if wanted in self.fits:
            shipped = fitted_calibration(self.fits[wanted])
        else:
            shipped = reference_of(wanted, currency)
        name = self.cleaned_data["channel"] or shipped.default_channel
        known = {channel.name: channel.as_document() for channel in shipped.channels}
        typed = {field: float(value) for field, value in changed.items()}
        if "fee_share" in changed:
            typed["fee_share"] = float(changed["fee_share"] / HUNDRED)
        return {**known.get(name, {"name": name, "fee_share": 0.0}), **typed}


class ComparisonForm(forms.Form):
    """Two finished runs to lay side by side."""

    first = forms.ModelChoiceField(queryset=Valuation.objects.none(), label="First run")
    second = forms.ModelChoiceField(queryset=Valuation.objects.none(), label="Second run")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        finished = Valuation.objects.visible_to(user).filter(state=ValuationState.DONE)
        fields: dict[str, Any] = self.fields
        for field in fields.values():
            field.queryset = finished.select_related("package")
            field.label_from_instance = lambda valuation: valuation.short_name


class FitForm(forms.Form):
    """A name, and either a file or one of one's own packages."""

    title = forms.CharField(max_length=80, label="Name", help_text="As runs will show it.")
    package = forms.ModelChoiceField(
        queryset=Package.objects.none(),
        required=False,
        empty_label="None: I upload a file",
        label="Receipts of a sealed package",
        help_text="The months of receipts on your own tape, from charge-off to the cut-off date.",
    )
    file = forms.FileField(
        required=False,
        label="History file",
        help_text="CSV, CSV.GZ or Parquet, a row per loan and month with cash. Columns it needs: "
        f"{', '.join(NEEDED)}, and cohort or charge_off_date. No names, no numbers of people.",
    )
    currency = forms.ChoiceField(
        choices=[(code, code) for code in REFERENCE_OF], help_text="Of the file."
    )
    basis = forms.ChoiceField(
        choices=[("claim", "Claim: principal, interest, fees"), ("principal", "Principal")],
        label="Balances are",
        help_text="Of the file; a package's receipts are set against the claim.",
    )

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Package.objects.filter(seller=organisation, state=PackageState.SEALED)
        fields: dict[str, Any] = self.fields
        fields["package"].queryset = own
        fields["package"].label_from_instance = lambda each: (
            f"{each.reference}: {each.title}, {count(each.loans)} loans"
        )
        if not own.exists():
            del fields["package"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if bool(cleaned.get("package")) == bool(cleaned.get("file")):
            self.add_error("file", "Choose a package or upload a file, one of the two.")
        return cleaned

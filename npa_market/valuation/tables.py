"""The list of valuations."""

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.tables import NUM, MomentColumn, MoneyColumn, StateColumn
from npa_market.common.templatetags.market import percent, share
from npa_market.valuation.models import Fit, Valuation, ValuationState


class ValuationTable(tables.Table):
    compare = tables.Column(
        empty_values=(), verbose_name="Compare", orderable=False, exclude_from_export=True
    )
    package = tables.Column(linkify=True, accessor="package__reference", verbose_name="Package")
    state = StateColumn("State")
    currency = tables.Column(verbose_name="Currency", orderable=False)
    price_minor = MoneyColumn("Price")
    buyer_irr = tables.Column(
        accessor="terms__buyer_irr", verbose_name="at IRR", orderable=False, attrs=NUM
    )
    share = tables.Column(empty_values=(), verbose_name="of claim", orderable=False, attrs=NUM)
    q05_minor = MoneyColumn("5 %")
    q95_minor = MoneyColumn("95 %")
    calibration = tables.Column(
        accessor="calibration_name", verbose_name="Calibration", orderable=False
    )
    created_at = MomentColumn("Asked for")

    class Meta:
        model = Valuation
        fields = ()
        order_by = "-created_at"

    def render_compare(self, record: Valuation) -> str:
        if record.state != ValuationState.DONE:
            return ""
        return format_html(
            '<input type="checkbox" name="run" value="{}" form="compare" aria-label="Compare {}">',
            record.pk,
            record.short_name,
        )

    def render_package(self, record: Valuation) -> str:
        return format_html(
            '<b>{}</b><br><span class="muted">{}</span>',
            record.package.reference,
            record.package.title,
        )

    def value_package(self, record: Valuation) -> str:
        return record.package.reference

    def render_calibration(self, record: Valuation) -> str:
        if record.is_reference_calibration:
            return format_html(
                '{} <span class="tag warn">reference, not fitted</span>', record.calibration_name
            )
        return record.calibration_name

    def value_calibration(self, record: Valuation) -> str:
        label = " (reference, not fitted)" if record.is_reference_calibration else ""
        return f"{record.calibration_name}{label}"

    def render_buyer_irr(self, value: float) -> str:
        return percent(value)

    def value_buyer_irr(self, value: float) -> float:
        return value

    def render_share(self, record: Valuation) -> str:
        return share(record.price_minor, record.package.claim_minor)

    def value_share(self, record: Valuation) -> float | None:
        price, claim = record.price_minor, record.package.claim_minor
        return round(price / claim, 6) if price is not None and claim else None


class FitTable(tables.Table):
    title = tables.Column(linkify=True, verbose_name="Calibration")
    state = StateColumn("State")
    source = tables.Column(verbose_name="Fitted to")
    currency = tables.Column(verbose_name="Currency")
    basis = tables.Column(verbose_name="Balances")
    created_at = MomentColumn("Asked for")

    class Meta:
        model = Fit
        fields = ()
        order_by = "-created_at"

"""The list of valuations."""

from datetime import datetime

import django_tables2 as tables
from django.utils.html import format_html

from npa_market.common.templatetags.market import moment, money, percent, share, state_tag
from npa_market.valuation.models import Fit, Valuation, ValuationState

NUM = {"th": {"class": "num"}, "td": {"class": "num"}}


class ValuationTable(tables.Table):
    compare = tables.Column(
        empty_values=(), verbose_name="Compare", orderable=False, exclude_from_export=True
    )
    package = tables.Column(linkify=True, accessor="package__reference", verbose_name="Package")
    state = tables.Column(verbose_name="State")
    currency = tables.Column(verbose_name="Currency", orderable=False)
    price_minor = tables.Column(verbose_name="Price", attrs=NUM)
    buyer_irr = tables.Column(
        accessor="terms__buyer_irr", verbose_name="at IRR", orderable=False, attrs=NUM
    )
    share = tables.Column(empty_values=(), verbose_name="of claim", orderable=False, attrs=NUM)
    q05_minor = tables.Column(verbose_name="5 %", attrs=NUM)
    q95_minor = tables.Column(verbose_name="95 %", attrs=NUM)
    calibration = tables.Column(
        accessor="calibration_name", verbose_name="Calibration", orderable=False
    )
    created_at = tables.Column(verbose_name="Asked for")

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

    def render_state(self, record: Valuation) -> str:
        return state_tag(record)

    def value_state(self, record: Valuation) -> str:
        return record.get_state_display()

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

    def render_price_minor(self, value: int, record: Valuation) -> str:
        return money(value, record.currency)

    def render_q05_minor(self, value: int, record: Valuation) -> str:
        return money(value, record.currency)

    def render_q95_minor(self, value: int, record: Valuation) -> str:
        return money(value, record.currency)

    def render_share(self, record: Valuation) -> str:
        return share(record.price_minor, record.package.claim_minor)

    def render_created_at(self, value: datetime) -> str:
        return moment(value)

    def value_created_at(self, value: datetime) -> str:
        return value.isoformat()


class FitTable(tables.Table):
    title = tables.Column(linkify=True, verbose_name="Calibration")
    state = tables.Column(verbose_name="State")
    source = tables.Column(verbose_name="Fitted to")
    currency = tables.Column(verbose_name="Currency")
    basis = tables.Column(verbose_name="Balances")
    created_at = tables.Column(verbose_name="Asked for")

    class Meta:
        model = Fit
        fields = ()
        order_by = "-created_at"

    def render_state(self, record: Fit) -> str:
        return state_tag(record)

    def value_state(self, record: Fit) -> str:
        return record.get_state_display()

    def render_created_at(self, value: datetime) -> str:
        return moment(value)

    def value_created_at(self, value: datetime) -> str:
        return value.isoformat()

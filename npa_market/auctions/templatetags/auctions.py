"""Template words of the bidding room."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from npa_market.auctions.core import VoidReason
from npa_market.auctions.models import Lot
from npa_market.auctions.wording import VOID_WORDS
from npa_market.common.templatetags.market import state_tag

register = template.Library()


@register.filter
def wall_clock(value: datetime | None, zone: str) -> SafeString | str:
    """`10:58:52.114` in the lot's zone, the date and UTC on hover."""
    if value is None:
        return ""
    local = value.astimezone(ZoneInfo(zone))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        f"{local:%Y-%m-%d %Z} = {value:%H:%M:%S} UTC",
        local.isoformat(timespec="milliseconds")[11:23],
    )


@register.simple_tag
def lot_tag(lot: Lot) -> SafeString:
    """The state of a lot; a sale that came to nothing is told beside it."""
    state = state_tag(lot)
    if lot.released_at is None:
        return state
    return format_html('{} <span class="tag bad">Deal cancelled</span>', state)


@register.filter
def void_words(reason: str) -> str:
    """Why an envelope is void, for people."""
    return VOID_WORDS[VoidReason(reason)]


@register.filter
def fine_share(part: int | None, whole: int) -> str:
    """`4.10 %` of a claim: prices of charged-off loans differ in the second decimal."""
    return "–" if part is None or not whole else f"{part * 100 / whole:,.2f} %"


@register.filter
def words(code: str) -> str:
    """`no deposit` for `no_deposit`."""
    return code.replace("_", " ")


@register.filter
def duration(seconds: int) -> str:
    """`5 min`, `90 s`."""
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


@register.filter
def per_100k(rate: int) -> str:
    """A rate in hundred-thousandths as `0.1 %`."""
    return f"{rate / 1000:g} %"

"""Template words of the venue: money, shares, times in the venue's zone, state tags."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString

from npa_market.common.clock import database_now
from npa_market.common.models import Job
from npa_market.common.money import format_minor

register = template.Library()

MISSING = (None, "")  # A template hands over "" for a key that is not there.

TAG_TONE = {
    "good": {
        "done",
        "imported",
        "confirmed",
        "sealed",
        "sold",
        "paid",
        "delivered",
        "closed",
        "qualified",
        "admitted",
        "ready",
        "agreed",
        "signed",
        "applied",
        "refunded",
    },
    "warn": {
        "draft",
        "queued",
        "awaiting_confirmation",
        "announced",
        "applied_for",
        "awarded",
        "contracted",
        "suspended",
        "invited",
        "uploaded",
        "to_confirm",
        "screened",
    },
    "bad": {
        "failed",
        "discarded",
        "refused",
        "cancelled",
        "unsold",
        "withdrawn",
        "forfeited",
        "revoked",
    },
    "live": {"running", "importing", "open", "bidding", "held"},
}


@register.filter
def money(amount_minor: Any, currency: str) -> str:
    """`3,172,415.07`; the currency stands in the column head or label."""
    return "–" if amount_minor in MISSING else format_minor(int(amount_minor), currency)


@register.filter
def money_symbol(amount_minor: Any, currency: str) -> str:
    """`¥3,172,415.07`, for one figure that stands alone."""
    return (
        "–" if amount_minor in MISSING else format_minor(int(amount_minor), currency, symbol=True)
    )


@register.filter
def count(value: Any) -> str:
    """`18,420`."""
    return "–" if value in MISSING else f"{int(value):,}"


@register.filter
def percent(part: float | int | None, digits: int = 1) -> str:
    """A share 0..1 as `20.8 %`."""
    return "–" if part is None else f"{part * 100:,.{digits}f} %"


@register.filter
def share(part: int | None, whole: int | None) -> str:
    """`part / whole` as `20.8 %`."""
    return percent(part / whole) if part is not None and whole else "–"


@register.filter
def moment(value: datetime | None, zone: str = "") -> SafeString | str:
    """A time in the venue's (or the lot's) zone, its zone and UTC on hover."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone or settings.VENUE_TIME_ZONE))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S %Z} = {value:%H:%M:%S} UTC",
        f"{local:%d %b %Y %H:%M}",
    )


@register.filter
def sentence(text: str) -> str:
    """What somebody wrote, with a full stop before the next sentence."""
    return text if not text or text[-1] in ".!?。！？…" else f"{text}."


@register.filter
def short_hash(value: str | None) -> SafeString | str:
    """`9f2c…e41a`, the whole on hover."""
    if not value:
        return "–"
    return format_html('<code title="{}">{}…{}</code>', value, value[:6], value[-4:])


@register.simple_tag
def state_tag(obj: Any, field: str = "state") -> SafeString:
    """A coloured tag for the state of an object; colour carries meaning, never alone."""
    value = str(getattr(obj, field))
    tone = next((name for name, values in TAG_TONE.items() if value in values), "")
    label = getattr(obj, f"get_{field}_display")()
    return format_html('<span class="tag {}">{}</span>', tone, label)


@register.filter
def row_range(page: Any) -> str:
    """`Rows 51 to 100`, or `3 rows` where one page holds them all (lazy pages know no total)."""
    if not page:
        return ""
    shown = len(page.object_list)
    if not page.has_previous() and not page.has_next():
        return "1 row" if shown == 1 else f"{shown:,} rows"
    first = (page.number - 1) * page.paginator.per_page + 1
    return f"Rows {first:,} to {first + shown - 1:,}"


@register.simple_tag
def time_left(job: Job) -> str:
    """`about 2 min left` of a running job, from its pace so far; empty while nobody can tell."""
    if not job.done or not job.total or job.started_at is None:
        return ""
    elapsed = (database_now() - job.started_at).total_seconds()
    seconds = elapsed * (job.total - job.done) / job.done
    if elapsed < 2 or seconds < 1:
        return ""
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    minutes = seconds / 60
    return f"about {minutes:.0f} min left" if minutes < 90 else f"about {minutes / 60:.0f} h left"


@register.filter
def vega_spec(chart: Any) -> dict[str, Any]:
    """The Vega-Lite specification of a chart of `common.charts`."""
    from npa_market.common import charts_web

    return charts_web.vega_spec(chart)


@register.filter
def chart_height(chart: Any) -> int:
    """Pixels that the drawing will take, kept free so that nothing moves when it arrives."""
    from npa_market.common import charts_web

    return charts_web.height_of(chart)

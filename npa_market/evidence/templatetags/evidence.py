"""Template words for the history of an object."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.db import models
from django.db.models import QuerySet

from npa_market.evidence.models import Entry
from npa_market.evidence.queries import HistoryLine
from npa_market.evidence.queries import history_lines as lines_for

register = template.Library()


@register.simple_tag(takes_context=True)
def history_lines(context: dict[str, Any], entries: Iterable[Entry]) -> list[HistoryLine]:
    """`{% history_lines entries as lines %}`: the entries with actors the reader may know."""
    return lines_for(entries or [], context["request"].user)


@register.simple_tag
def entries_about(subject: models.Model) -> QuerySet[Entry]:
    """`{% entries_about organisation as history %}`, for pages of rooms below the log."""
    return Entry.objects.about(subject.pk)

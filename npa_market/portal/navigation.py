"""What the frame of each page shows: the links that this person's roles open."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context for `base.html`."""
    return {}

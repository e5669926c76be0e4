"""What an error looks like: a page in plain words, or a problem document under /api/."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults

from npa_market.common.problems import MEDIA_TYPE, problem_document

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, 400, "bad_request", "The request cannot be read.") or (
        defaults.bad_request(request, exception)
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, 403, "permission_denied", "Your role does not allow this.") or (
        defaults.permission_denied(request, exception)
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, 404, "not_found", "There is nothing for you at this address.") or (
        defaults.page_not_found(request, exception)
    )


def fault(request: HttpRequest) -> HttpResponse:
    words = "A fault of the venue. What you asked for was done as a whole or not at all."
    return _problem(request, 500, "fault", words) or defaults.server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form is older than the session. The reason is for the log, not for the page."""
    return _problem(request, 403, "csrf_failed", "The CSRF token is missing or old.") or render(
        request, "403_csrf.html", status=403
    )


def _problem(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse | None:
    if not request.path.startswith(API):
        return None
    document: dict[str, Any] = problem_document(status=status, code=code, detail=detail)
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE)

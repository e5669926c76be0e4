"""Errors of the API as problem documents (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from npa_market.common.errors import Busy, Refused

MEDIA_TYPE = "application/problem+json"


def problem_document(
    *, status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """`type`, `title`, `status`, `detail`, `code` and, where there are any, per-field `errors`."""
    document: dict[str, Any] = {
        "type": f"urn:npa-market:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        document["errors"] = errors
    return document


def problem(
    *, status: int, code: str, detail: str, errors: list[dict[str, Any]] | None = None
) -> Response:
    """The problem document as an answer of the API."""
    document = problem_document(status=status, code=code, detail=detail, errors=errors)
    return Response(document, status=status, content_type=MEDIA_TYPE)


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: services' refusals, validation, and HTTP errors in one form."""
    if isinstance(error, Refused):
        fields = [{"field": error.field, "detail": error.message}] if error.field else None
        answer = problem(status=error.status, code=error.code, detail=error.message, errors=fields)
        if isinstance(error, Busy):
            answer["Retry-After"] = str(error.retry_after_seconds)
        return answer
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    default = exception_handler(error, context)
    if default is None or not isinstance(error, exceptions.APIException):
        return default
    if isinstance(error, exceptions.ValidationError):
        answer = problem(
            status=422,
            code="invalid",
            detail="Some fields are missing or wrong.",
            errors=_field_errors(error.get_full_details()),
        )
    else:
        codes = error.get_codes()
        answer = problem(
            status=default.status_code,
            code=codes if isinstance(codes, str) else "error",
            detail=str(error.detail),
        )
    for header in ("WWW-Authenticate", "Retry-After"):
        if header in default:
            answer[header] = default[header]
    return answer


def _field_errors(details: Any, path: str = "") -> list[dict[str, Any]]:
    """Flatten DRF's nested details to `{field, detail}` rows."""
    if isinstance(details, dict) and set(details) == {"message", "code"}:
        return [{"field": path or None, "detail": str(details["message"])}]
    if isinstance(details, dict):
        return [
            row
            for key, value in details.items()
            for row in _field_errors(value, f"{path}.{key}".strip("."))
        ]
    return [row for value in details for row in _field_errors(value, path)]

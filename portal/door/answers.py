"""From values to the responses that every room gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.errors import ProtocolError, TemporarilyUnavailable
from accounts.source import catalogue
from portal.door import incoming


class SeeOther(HttpResponseRedirect):
    """303: what was posted is done, look there."""

    status_code = 303


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Return a page that no cache keeps, from which forms may lead to the sources' way out."""
    response = render(request, template, dict(context or {}), status=status)
    response["Cache-Control"] = "no-store"
    return with_ways_out(response) if incoming.session_of(request).is_logged_in else response


def with_ways_out(response: HttpResponse) -> HttpResponse:
    """Let the forms of a page lead on to the sources: for a fresh sign-in, and on the way out."""
    origins = {o for ready in catalogue.enabled() for o in ready.description.visits}
    response._csp_update = {"form-action": sorted(origins)}  # type: ignore[attr-defined]
    return response


def see_other(url: str) -> SeeOther:
    """Return a 303 that no cache keeps."""
    response = SeeOther(url)
    response["Cache-Control"] = "no-store"
    return response


def with_retry_after(response: HttpResponse, error: ProtocolError) -> HttpResponse:
    """Tell when to try again, where the error knows."""
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response

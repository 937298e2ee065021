"""Logout by an upstream's server (OpenID Connect Back-Channel Logout 1.0; docs/contract.md 6)."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from limits import RateLimitItemPerMinute

from accounts import events
from accounts.errors import (
    InvalidRequest,
    ProtocolError,
    TemporarilyUnavailable,
    TooManyRequests,
)
from accounts.login import lockout
from accounts.models import Event
from accounts.session import afar
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.door import answers, incoming

FORM = "application/x-www-form-urlencoded"
_DOOR = "/auth/backchannel"
# How many refusals from one place are written down.
_RECORDED = RateLimitItemPerMinute(30, 5, namespace="logout-refused")
_TOKEN = "logout_token"  # noqa: S105  # the name of a parameter


class NoSuchSource(InvalidRequest):
    """`invalid_request` for an address that names no source of ours."""

    status = 404


@csrf_exempt
@login_not_required
def backchannel(request: HttpRequest, slug: str) -> HttpResponse:
    """`POST /auth/backchannel/<source>`: end what a logout token names (2.5).

    200 and an empty body, also when nothing was left to end; else the error that 2.8 names. Who
    sends too much that is refused is answered 429; what waits for the provider's keys, 503, counts
    as no refusal, unless it names a key that may not be looked for at this moment.
    """
    try:
        if request.method != "POST":
            response = _refused(InvalidRequest("A logout token is posted."), 405)
            response["Allow"] = "POST"
        else:
            _end(request, slug)
            response = HttpResponse(status=200)
    except ProtocolError as error:
        response = answers.with_retry_after(_refused(error, error.status), error)
    response["Cache-Control"] = "no-store"
    return response


backchannel.answers_json = True  # type: ignore[attr-defined]


def _end(request: HttpRequest, slug: str) -> None:
    """Count what is refused. A good token is no guess, whatever others at the address send."""
    source = catalogue.of_session(slug)
    try:
        if source is None:
            raise NoSuchSource("There is no such source.")
        afar.end_by_token(source, _token(request))
    except ProtocolError as error:
        if error.counted(1):  # the provider's own trouble is no fault of the token
            lockout.count_failure(incoming.visit(request), _DOOR)
        if source:
            _record(request, source, error)
        raise


def _record(request: HttpRequest, source: ConfiguredSource, error: ProtocolError) -> None:
    """Write why a logout token ended nothing: its session lives on, and nobody else is told."""
    visit = incoming.visit(request)
    try:
        lockout.spend_places(_RECORDED, visit.address)
    except TooManyRequests:
        return
    refused = events.event(
        "logout.refused",
        visit,
        reason=error.reason if isinstance(error, TemporarilyUnavailable) else "",
        source=source.slug,
        session_type=source.session_type,
        actor=Event.Actor.SOURCE,  # or somebody who says so
        detail=error.description,
    )
    events.count(refused)


def _token(request: HttpRequest) -> str:
    """Return the one logout token of a posted form. Raises `InvalidRequest` for any other body."""
    if request.content_type != FORM:
        raise InvalidRequest(f"The body must be {FORM}.")
    try:
        given = request.POST.getlist(_TOKEN)
    except (BadRequest, RequestDataTooBig, SuspiciousOperation):
        raise InvalidRequest("The body is too large or cannot be read.") from None
    if len(given) != 1:
        raise InvalidRequest("There must be one logout_token.")
    return str(given[0])


def _refused(error: ProtocolError, status: int) -> HttpResponse:
    body = {"error": error.error, "error_description": error.description}
    return JsonResponse(body, status=status)

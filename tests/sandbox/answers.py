"""What goes out: JSON for servers, the answer of an authorization for a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render

from accounts.errors import ProtocolError
from tests.sandbox import tokens
from tests.sandbox.authorization_request import Recipient
from tests.sandbox.oauth_errors import InvalidClient, InvalidToken
from tests.sandbox.realms import Realm

View = Callable[..., HttpResponseBase]


class SeeOther(HttpResponse):
    """303: what follows a form is got, never posted again (RFC 9110, 15.4.4)."""

    status_code = 303

    def __init__(self, url: str) -> None:
        super().__init__(headers={"Location": url})


def for_servers(view: View) -> View:
    """Answer the typed errors of a view as JSON (RFC 6749, 5.2), and let nobody keep an answer."""

    @wraps(view)
    def answered(request: HttpRequest, realm: Realm) -> HttpResponseBase:
        try:
            response = view(request, realm)
        except ProtocolError as error:
            response = _refusal(error)
        response["Cache-Control"] = "no-store"
        return response

    return answered


def respond(
    request: HttpRequest, realm: Realm, to: Recipient, answer: Mapping[str, str]
) -> HttpResponseBase:
    """Send the browser back with an answer, its state (RFC 6749, 4.1.2) and `iss` (RFC 9207)."""
    fields = {**answer, "iss": tokens.issuer(realm)}
    if to.state:
        fields["state"] = to.state
    if to.response_mode == "form_post":  # OAuth 2.0 Form Post Response Mode, 2
        context = {"action": to.redirect_uri, "fields": fields}
        return render(request, "sandbox/form_post.html", context)
    return SeeOther(with_query(to.redirect_uri, fields))


def refuse(
    request: HttpRequest, realm: Realm, to: Recipient, why: ProtocolError
) -> HttpResponseBase:
    """Send the browser back with an error (RFC 6749, 4.1.2.1)."""
    answer = {"error": why.error, "error_description": why.description}
    return respond(request, realm, to, answer)


def with_query(url: str, fields: Mapping[str, str]) -> str:
    """Return `url` with `fields` added to its query."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(fields)}" if fields else url


def _refusal(error: ProtocolError) -> JsonResponse:
    body: dict[str, Any] = {"error": error.error, "error_description": error.description}
    response = JsonResponse(body, status=error.status)
    if isinstance(error, InvalidClient):
        response["WWW-Authenticate"] = 'Basic realm="sandbox"'
    if isinstance(error, InvalidToken):
        challenge = f'Bearer realm="sandbox", error="{error.error}"'
        response["WWW-Authenticate"] = challenge
    return response

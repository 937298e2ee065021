"""Who calls: client authentication at the endpoints for servers (RFC 6749, 2.3)."""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import unquote_plus

from django.http import HttpRequest

from accounts.errors import InvalidRequest
from tests.sandbox.clients import Client
from tests.sandbox.oauth_errors import InvalidClient
from tests.sandbox.realms import Realm

METHODS = ("client_secret_basic", "client_secret_post", "none")


def authenticated(request: HttpRequest, realm: Realm, *, confidential: bool = False) -> Client:
    """Return the client that calls; `confidential` shuts public ones out.

    Raises `InvalidClient`, and `InvalidRequest` for two ways at once (RFC 6749, 2.3).
    """
    for name, values in request.POST.lists():
        if len(values) > 1:
            raise InvalidRequest(f"A parameter is there more than once: {name}.")
    client_id, secret = _credentials(request)
    client = realm.client(client_id)
    if client is None or (confidential and client.is_public):
        raise InvalidClient("The client is unknown, or may not do that.")
    if not hmac.compare_digest(client.client_secret.encode(), secret.encode()):
        raise InvalidClient("The client's secret is wrong.")
    return client


def _credentials(request: HttpRequest) -> tuple[str, str]:
    posted = request.POST.get("client_id", ""), request.POST.get("client_secret", "")
    header = request.headers.get("Authorization", "")
    if not header:
        return posted
    if posted[1]:
        raise InvalidRequest("The client authenticates in two ways at once.")
    scheme, _space, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("The client must authenticate by Basic, or in the body.")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient("The Authorization header is malformed.") from None
    if not colon or posted[0] not in {"", unquote_plus(client_id)}:
        raise InvalidClient("The Authorization header is malformed, or names another client.")
    return unquote_plus(client_id), unquote_plus(secret)  # RFC 6749, 2.3.1: form-encoded first

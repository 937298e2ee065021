"""Clients: found by their id, and made to prove who they are (RFC 6749, 2.3; OIDC Core, 9)."""

import base64
import binascii
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import parse_qs, unquote_plus, urlsplit

from django.utils.crypto import constant_time_compare

from accounts.errors import InvalidRequest
from accounts.keyring import digest
from portal.authorization_server import assertions, registration
from portal.authorization_server.errors import InvalidClient
from portal.authorization_server.models import Client
from portal.tokens.bearer import FIRST_PARTY

LONGEST_ID = 255
_LOOK_AGAIN = 60.0
# By which a client says who it is, in a form.
PARAMETERS = ("client_id", "client_secret", "client_assertion", "client_assertion_type")
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows: its id, and by which method it says that it is the one. `secrets` are
    the ways to read what it gave as its secret.
    """

    client_id: str
    method: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    assertion: str = ""
    both: bool = False

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r}, {self.method!r})"


def find(client_id: str) -> Client | None:
    """Return the client, or None. Our own front ends' is none that others may use."""
    if not client_id or len(client_id) > LONGEST_ID or client_id == FIRST_PARTY:
        return None
    if not client_id.isprintable():  # a database takes neither NUL nor half a character
        return None
    return Client.objects.filter(client_id=client_id).first()


def name_of(destination: str) -> str:
    """Return the name of the application whose authorization request `destination` is, or nothing.
    A request that was pushed says whose it is as well (RFC 9126, 4).
    """
    parts = urlsplit(destination)
    if parts.path != "/oauth/authorize":
        return ""
    client = find(parse_qs(parts.query).get("client_id", [""])[0])
    return client.name or client.client_id if client else ""


def shown(authorization: str, form: Mapping[str, str]) -> Credentials:
    """Return what a request shows, by its `Authorization` header and its form.

    Raises `InvalidRequest` for two methods at once, `InvalidClient` for what cannot be read.
    """
    named = form.get("client_id", "")
    basic = authorization[:6].lower() == "basic "
    assertion = form.get("client_assertion", "")
    methods = [basic, "client_secret" in form, bool(assertion)]
    if basic and methods == [True, True, False]:
        found = _basic(authorization)
        if named not in {"", found.client_id} or not _is_one(form["client_secret"], found.secrets):
            raise InvalidRequest("The client shows two different things.")
        return replace(found, both=True)
    if sum(methods) > 1:
        raise InvalidRequest("The client may prove who it is in one way at a time.")
    if basic:
        found = _basic(authorization)
        if named not in {"", found.client_id}:
            raise InvalidRequest("The client names itself in two ways.")
        return found
    if assertion:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise InvalidRequest("The client_assertion_type is not known.")
        said = assertions.subject_of(assertion)
        if named not in {"", said}:
            raise InvalidRequest("The client names itself in two ways.")
        return Credentials(said, Client.Method.PRIVATE_KEY, assertion=assertion)
    if "client_secret" in form:
        return Credentials(named, Client.Method.POST, (form["client_secret"],))
    return Credentials(named, Client.Method.NONE)


def authenticate(credentials: Credentials, client: Client | None) -> Client:
    """Return `client` when `credentials` prove that it is the one who calls.

    It must use the method that it is registered for. Raises `InvalidClient`, alike for every
    failed proof; `InvalidRequest` for two methods at once; `TemporarilyUnavailable` when the
    client's keys cannot be fetched.
    """
    if client is None or client.client_id != credentials.client_id:
        raise InvalidClient
    if credentials.method != client.auth_method:
        raise InvalidClient
    if credentials.both and not client.legacy_desktop:
        raise InvalidRequest("The client may prove who it is in one way at a time.")
    if credentials.method == Client.Method.PRIVATE_KEY:
        assertions.verify(credentials.assertion, client)
    elif credentials.method != Client.Method.NONE:
        known = client.client_secret
        if not known or not _is_one(known, map(digest, credentials.secrets)):
            raise InvalidClient
    return client


def calling(authorization: str, form: Mapping[str, str]) -> Client:
    """Return the client of a request, proved. Raises `InvalidClient` or `InvalidRequest`."""
    credentials = shown(authorization, form)
    return authenticate(credentials, find(credentials.client_id))


def is_origin_of_a_client(origin: str) -> bool:
    """Tell whether scripts of `origin` are a client's. A worker looks once a minute."""
    return registration.comparable(origin) in _origins(int(time.monotonic() / _LOOK_AGAIN))


@lru_cache(maxsize=1)
def _origins(_minute: int) -> frozenset[str]:
    rows = Client.objects.filter(kind=Client.Kind.BROWSER)
    return frozenset(each for row in rows for each in registration.origins_of(row))


def _is_one(text: str, of: Iterable[str]) -> bool:
    return any(constant_time_compare(text, each) for each in of)


def _basic(authorization: str) -> Credentials:
    """Return id and secret, each of which is encoded as a form is (RFC 6749, 2.3.1). The secret may
    be as it is as well: curl, Authlib and others encode none, and it may have a `+` or a `%`. An
    empty one proves nothing: requests-oauthlib says so that a client has none.
    """
    try:
        plain = base64.b64decode(authorization[6:].strip(), validate=True).decode()
        client_id, colon, secret = plain.partition(":")
        if not colon:
            raise InvalidClient
        client_id = unquote_plus(client_id, errors="strict")
    except (binascii.Error, ValueError):
        raise InvalidClient from None
    if not secret:
        return Credentials(client_id, Client.Method.NONE)
    secrets = tuple(dict.fromkeys((unquote_plus(secret), secret)))
    return Credentials(client_id, Client.Method.BASIC, secrets)

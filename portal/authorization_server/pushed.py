"""Pushed authorization requests (RFC 9126): what a client asks for comes ahead of the browser. Also
where a logout leads back to, if that is too long for an address.
"""

import secrets
from datetime import timedelta
from typing import Any

from django.db import IntegrityError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from limits import RateLimitItemPerMinute

from accounts import conf
from accounts.errors import InvalidRequest
from accounts.keyring import Unreadable, digest, seal, unseal
from accounts.login import lockout
from accounts.provider import Visit
from portal.authorization_server import answer, asked, clients, errors, wire
from portal.authorization_server.models import Client, PushedRequest
from portal.authorization_server.wire import Parameters
from portal.door import incoming

PREFIX = "urn:ietf:params:oauth:request_uri:"
PURPOSE = "pushed-request"
_WAY_BACK = "kept-way-back"  # the release before knows `pushed-way-back`, an address alone
# Each costs a row: so many may come from one place, and from a client that has proved who it is.
_PLACE = RateLimitItemPerMinute(600, 5, namespace="pushed")
_CLIENT = RateLimitItemPerMinute(30_000, 5, namespace="pushed-client")
_CREDENTIALS = frozenset(clients.PARAMETERS) - {"client_id"}


@wire.endpoint("POST", origins=wire.Origins.CLIENTS)
def push(request: HttpRequest) -> HttpResponseBase:
    """Take a request, checked as it would be at the authorization endpoint (RFC 9126, 2.1)."""
    given = wire.read_form(request, *asked.PARAMETERS)
    client = clients.calling(request.headers.get("Authorization", ""), given)
    if "request_uri" in given:
        raise InvalidRequest("A request that is pushed names no other.")
    given["client_id"] = client.client_id
    way = answer.find(given, client)
    asked.read(client, given, way.redirect_uri)
    life, proved = conf.flow_lifetime(), not client.is_public
    try:
        uri = keep(client, given, life, incoming.visit(request), proved=proved)
    except errors.NoWayBack:
        raise errors.InvalidClient from None
    body = {"request_uri": uri, "expires_in": int(life.total_seconds())}
    return JsonResponse(body, status=201)


def keep(
    client: Client, given: Parameters, life: timedelta, visit: Visit, *, proved: bool = False
) -> str:
    """Keep a request. Returns the URI that stands for it. Raises `TooManyRequests`: for a client
    that has `proved` who it is by its own number, else by the visitor's address; `NoWayBack` when
    the client has just been deleted.
    """
    if proved:
        lockout.spend(_CLIENT, client.client_id)
    else:
        lockout.spend_places(_PLACE, visit.address)
    fields = {name: value for name, value in given.items() if name not in _CREDENTIALS}
    return PREFIX + _put(client, [fields, list(given.resource)], PURPOSE, life)


def keep_way_back(client: Client, way: list[str], visit: Visit) -> str:
    """Keep where a logout leads back to. Returns its key. Raises as `keep` does."""
    lockout.spend_places(_PLACE, visit.address)
    return _put(client, way, _WAY_BACK, conf.flow_lifetime())


def way_back(key: str) -> list[str]:
    """Return what `keep_way_back` has kept. Raises `Unreadable` for what is unknown or expired."""
    rows = PushedRequest.objects.filter(digest=digest(key), expires_at__gt=timezone.now())
    row = rows.first()
    if row is None:
        raise Unreadable
    kept: list[str] = unseal(row.sealed, _WAY_BACK, row.digest)
    return kept


def _put(client: Client, content: Any, purpose: str, life: timedelta) -> str:
    key = secrets.token_urlsafe(32)
    row = PushedRequest(
        digest=digest(key),
        client=client,
        sealed=seal(content, purpose, digest(key)),
        expires_at=timezone.now() + life,
    )
    try:
        row.save(force_insert=True)
    except IntegrityError:
        raise errors.NoWayBack(answer.UNKNOWN) from None
    return key


def resolve(given: Parameters) -> Parameters:
    """Return what was pushed, where `given` names it, else `given` itself (RFC 9126, 4).

    Raises `NoWayBack` for one that is unknown, expired, spent or another client's: nobody knows
    then where an answer may go.
    """
    uri = given.get("request_uri", "")
    if not uri.startswith(PREFIX):
        return given
    row = PushedRequest.objects.filter(digest=digest(uri.removeprefix(PREFIX))).first()
    try:
        if row is None or row.expires_at <= timezone.now():
            raise errors.NoWayBack("The request has expired. Start again in the application.")
        fields, resource = unseal(row.sealed, PURPOSE, row.digest)
    except Unreadable:
        raise errors.NoWayBack("The request cannot be read.") from None
    if given.get("client_id") != fields["client_id"]:
        raise errors.NoWayBack("The request belongs to another application.")
    found = Parameters(fields)
    found.resource = tuple(resource)
    return found


def spend(given: Parameters) -> bool:
    """Delete the request that `given` named: it counts once. Returns False when it is gone."""
    uri: Any = given.get("request_uri", "")
    if not uri.startswith(PREFIX):
        return True
    rows = PushedRequest.objects.filter(digest=digest(uri.removeprefix(PREFIX)))
    return bool(rows.delete()[0])

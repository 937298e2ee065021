"""Introspection (RFC 7662) and revocation (RFC 7009) of our own tokens."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone

from accounts import conf, strength
from accounts.keyring import digest
from accounts.models import User
from portal.authorization_server import clients, wire
from portal.authorization_server.errors import InvalidClient
from portal.authorization_server.models import AccessToken
from portal.authorization_server.token import is_renewable, sid_of
from portal.door import incoming
from portal.tokens import bearer, minting, token_format
from portal.tokens.token_errors import InvalidToken

_INACTIVE = {"active": False}


@wire.endpoint("POST")
def introspect(request: HttpRequest) -> HttpResponseBase:
    """Tell a client what its own token is, or anybody's where it may ask (RFC 7662, 2).

    A public client proves nothing, so it is told nothing. For a client's own token this costs one
    query.
    """
    given = wire.read_form(request, "token")
    credentials = clients.shown(request.headers.get("Authorization", ""), given)
    row = _find(given.need("token"))
    own = row is not None and row.application.client_id == credentials.client_id
    client = row.application if own else clients.find(credentials.client_id)
    client = clients.authenticate(credentials, client)
    if client.is_public:
        raise InvalidClient
    if row is None or not (own or client.introspects):
        return JsonResponse(_INACTIVE)
    return JsonResponse(_described(row, named=client.introspects))


@wire.endpoint("POST", origins=wire.Origins.CLIENTS)
def revoke(request: HttpRequest) -> HttpResponseBase:
    """Revoke a client's own token; all others answer alike (RFC 7009, 2.2).

    A child session ends with its refresh token: the application has left. An access token ends
    alone (2.1).
    """
    given = wire.read_form(request, "token")
    client = clients.calling(request.headers.get("Authorization", ""), given)
    row = _find(given.need("token"))
    if row is not None and row.application.pk == client.pk:
        _revoke(row, request)
    return HttpResponse(status=200)


def _find(text: str) -> Any:
    """Return the row of a token of ours, joined, or None. Another format costs no query."""
    if token_format.is_token(text, token_format.REFRESH):
        return minting.find_refresh_token(text)
    if not token_format.is_token(text, token_format.ACCESS):
        return None
    rows = AccessToken.objects.filter(token_checksum=digest(text))
    return rows.select_related("session__user", "application").first()


def _described(row: Any, *, named: bool) -> dict[str, Any]:
    """Return what RFC 7662, 2.2 says of a token that counts. The name of its person is told to whom
    the scopes let it out, and where it is `named` anyhow (RFC 7662, 5; docs/threats.md T06).
    """
    is_refresh = not isinstance(row, AccessToken)
    if is_refresh:
        began = row.family_began_at
        over = bool(row.revoked) or began + conf.client_absolute() <= timezone.now()
        over = over or not is_renewable(row)
    else:
        over = row.is_expired()
    scopes, resource = bearer.scopes_left(row), row.application.resources_of(row.resource)
    over = over or not scopes or bool(row.resource and not resource)  # taken from the client since
    if over or row.session is None:
        return _INACTIVE
    try:
        session = bearer.standing(row.session)
    except InvalidToken:
        return _INACTIVE
    if session.status != User.Status.ACTIVE:
        return _INACTIVE
    expires = row.session.expire_date if is_refresh else row.expires
    level = strength.of(session)
    acr = level.word if level else strength.told(session, ())
    proof = {"acr": acr, "auth_time": session.auth_time}  # RFC 9470, 6.2. A source need not tell
    user = row.session.user
    return {
        **{name: value for name, value in proof.items() if value},
        "active": True,
        "iss": conf.site_url(),
        "sub": user.uid,
        "client_id": row.application.client_id,
        "aud": resource or row.application.client_id,
        "scope": " ".join(scopes),
        **({"username": user.username} if named or "profile" in scopes else {}),
        "token_type": "refresh_token" if is_refresh else "Bearer",
        "iat": int(row.created.timestamp()),
        "exp": int(expires.timestamp()),
        "sid": sid_of(row.session, row.application),
    }


def _revoke(row: Any, request: HttpRequest) -> None:
    if isinstance(row, AccessToken):
        row.expire()
    else:
        minting.revoke_own_family(row, incoming.visit(request))

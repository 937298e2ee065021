"""The token endpoint: codes, refresh tokens and device codes become tokens (RFC 6749, 3.2)."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import InvalidGrant
from accounts.login import lockout
from accounts.models import StoredSession
from accounts.provider import Visit
from portal.authorization_server import clients, codes, consents, devices, keys, resources, wire
from portal.authorization_server.asked import OFFLINE, unasked
from portal.authorization_server.errors import UnauthorizedClient, UnsupportedGrantType
from portal.authorization_server.issued import (
    Issued,
    narrowed,
    narrowed_scopes,
    require_active,
    still_given,
)
from portal.authorization_server.models import Client, ToldSession
from portal.authorization_server.wire import Parameters
from portal.door import incoming
from portal.tokens import bearer, minting
from portal.tokens.token_errors import InvalidToken

_PARAMETERS = (
    *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code"),
    *("scope", "resource"),
)

_DOOR = "/oauth/token"
# So many access tokens stay good beside the newest one of a family: one for each resource, and
# those of calls that are under way.
_FORMER = 2 * resources.AT_MOST


@wire.endpoint("POST", origins=wire.Origins.CLIENTS)
def token(request: HttpRequest) -> HttpResponseBase:
    """Give tokens for a grant. Who guesses at codes is not listened to for a while."""
    given = wire.read_form(request, *_PARAMETERS)
    visit = incoming.visit(request)
    grant_type = given.need("grant_type")
    authorization = request.headers.get("Authorization", "")
    keys.require()
    if grant_type == Client.GRANT_DEVICE_CODE:  # the code says whose it is, by one query
        return JsonResponse(devices.poll(authorization, given, visit).public())
    if grant_type not in _GRANTS:
        raise UnsupportedGrantType("This grant is not served.")
    client = clients.calling(authorization, given)
    if not client.may_use(grant_type):
        raise UnauthorizedClient("This grant is not one of this client's.")
    return JsonResponse(_GRANTS[grant_type](client, given, visit).public())


def _by_code(client: Client, given: Parameters, visit: Visit) -> Issued:
    """RFC 6749, 4.1.3; RFC 7636, 4.5. Only public clients are slowed down: a server redeems the
    codes that strangers bring to its callback, from one address for everybody. A good code is no
    guess, whatever others at the address send.
    """
    shown = codes.Shown(
        given.need("code"),
        given.get("redirect_uri", ""),
        given.get("code_verifier", ""),
        resources.check(given.resource),
    )
    try:
        return codes.redeem(client, shown, visit)
    except InvalidGrant:
        if client.is_public:
            lockout.count_failure(visit, _DOOR)
        raise


def _by_refresh_token(client: Client, given: Parameters, visit: Visit) -> Issued:
    """RFC 6749, 6; RFC 9700, 4.14.2: each counts once, and one that is used twice ends them all."""
    text = given.need("refresh_token")
    held = minting.find_refresh_token(text)
    if held is None or held.application.pk != client.pk:
        raise InvalidGrant("The refresh token is not known.")
    if held.revoked:
        minting.revoke_family(held, visit)
        raise InvalidGrant("The refresh token was used before.")
    try:
        session = bearer.standing(held.session)
    except InvalidToken:
        raise InvalidGrant("The session has ended.") from None
    require_active(session)
    granted = client.scopes_of(held.scope.split())
    if not granted:
        raise InvalidGrant("The client may have none of these scopes any more.")
    if not _may_stay(held, client, granted):
        raise InvalidGrant("The client may not stay signed in any more.")
    scopes = narrowed_scopes(granted, given.get("scope", ""), unasked(client, granted))
    resource = narrowed(still_given(held.resource, client), resources.check(given.resource))
    try:
        bearer.keep_alive(bearer.open_session(held.session), held.session)
    except InvalidToken:
        raise InvalidGrant("The session has ended.") from None
    with transaction.atomic():
        minted = minting.rotate(held, text, scopes, resource, former=_FORMER)
    if minted is None:
        raise InvalidGrant("The refresh token was used before, or it has expired.")
    sid = _told(held.session, client) or sid_of(held.session, client)
    words = tuple(held.acr_values or ())
    return Issued(minted, client, session, held.session.user, sid, acr_values=words)


def is_renewable(held: Any) -> bool:
    """Tell whether the client of a refresh token may still redeem it, as it is registered now."""
    client = held.application
    granted = client.scopes_of(held.scope.split())
    return bool(granted) and _may_stay(held, client, granted)


def _may_stay(held: Any, client: Client, granted: Sequence[str]) -> bool:
    """Tell whether a client may still have a refresh token, for the reasons for which one is given
    (docs/contract.md 4). One of a former release may be a device's, where its client has devices.
    Whoever was never asked, since it was first party, has allowed nothing once it is not.
    """
    grant = held.began_by or Client.GRANT_DEVICE_CODE
    of_device = grant == Client.GRANT_DEVICE_CODE and client.may_use(grant)
    if not (OFFLINE in granted or client.legacy_desktop or of_device):
        return False
    if grant == Client.GRANT_DEVICE_CODE or client.skip_authorization:
        return True
    return consents.granted(held.user_id, client) is not None


def sid_of(row: StoredSession, client: Client) -> str:
    """Return the `sid` that a client knows a session by: a page's is the browser's session."""
    is_child = row.kind == StoredSession.Kind.CLIENT and row.parent_uid
    return row.parent_uid if is_child and not client.lives_apart else row.uid


def _told(row: StoredSession, client: Client) -> str:
    """Return the `sid` that the first id_token named, which may be that of a former sign-in: by it
    the client is told of the end (Back-Channel Logout, 2.4). Nothing where it was told of none.
    """
    known = ToldSession.objects.filter(session=row, client=client).order_by("pk")
    return known.values_list("sid", flat=True).first() or ""


_GRANTS: dict[str, Callable[[Client, Parameters, Visit], Issued]] = {
    "authorization_code": _by_code,
    "refresh_token": _by_refresh_token,
}
SERVED = (*_GRANTS, Client.GRANT_DEVICE_CODE)

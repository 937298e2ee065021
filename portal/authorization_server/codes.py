"""Authorization codes: issued to a client, redeemed once (RFC 6749, 4.1.2 and 4.1.3). A code
expires by the database's clock: those of two machines may differ by more than it lives.
"""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from oauth2_provider.settings import oauth2_settings

from accounts.errors import InvalidGrant, InvalidRequest
from accounts.keyring import digest
from accounts.models import StoredSession
from accounts.provider import Visit
from accounts.session import children
from accounts.session.ending import end, hold
from accounts.session.typed import Session
from portal.authorization_server import registration
from portal.authorization_server.asked import OFFLINE, Asked
from portal.authorization_server.issued import Issued, narrowed, require_active, still_given, tell
from portal.authorization_server.models import AccessToken, Client, Grant
from portal.tokens import bearer, minting
from portal.tokens.token_errors import InvalidToken

_VERIFIER = re.compile(r"\A[A-Za-z0-9._~-]{43,128}\Z")
# For how long a spent code is remembered: who comes with it again ends what it gave.
_REMEMBERED = timedelta(hours=1)
# Beside the claims of a code: whether its authorization request named the redirect URI.
_NAMED = "names_redirect_uri"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client shows for its code."""

    code: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)
    resource: tuple[str, ...] = ()


class _Lost(Exception):
    """Somebody else has redeemed the code meanwhile."""


def issue(asked: Asked, client: Client, session: Session, user_id: int) -> str:
    """Return a new code for the session of the person who allowed it."""
    code = secrets.token_urlsafe(32)
    life = timedelta(seconds=oauth2_settings.AUTHORIZATION_CODE_EXPIRE_SECONDS)
    Grant.objects.create(
        application=client,
        user_id=user_id,
        session_id=session.uid,
        code=digest(code),
        expires=Now() + life,
        redirect_uri=asked.redirect_uri,
        scope=" ".join(asked.scopes),
        code_challenge=asked.code_challenge,
        code_challenge_method="S256",
        nonce=asked.nonce,
        claims=json.dumps(
            {**asked.claims, "acr_values": asked.words, _NAMED: asked.names_redirect_uri}
        ),
        resource=list(asked.resource),
    )
    return code


def redeem(client: Client, shown: Shown, visit: Visit) -> Issued:
    """Return what a code is worth, once.

    Raises `InvalidGrant` for a code that is unknown, another client's, expired or spent, another
    redirect URI or a wrong verifier, and for a client that may have none of its scopes any more, or
    has that redirect URI no more;
    `InvalidTarget` for a resource that was not asked for, or is the client's no more.
    """
    if not _VERIFIER.match(shown.verifier):
        raise InvalidRequest("The code_verifier is missing or malformed.")
    row = _find(client, shown.code)
    if row is None:
        raise InvalidGrant("The code is not known.")
    if row.spent_at:
        _undo(row, visit)
        raise InvalidGrant("The code was used before.")
    _check(row, shown)
    if not registration.allows_redirect(client, row.redirect_uri):
        raise InvalidGrant("The address that the code was issued to is the client's no more.")
    try:
        session = bearer.standing(row.session)
    except InvalidToken:
        raise InvalidGrant("The session has ended.") from None
    require_active(session)
    scopes = client.scopes_of(row.scope.split())
    if not scopes:
        raise InvalidGrant("The client may have none of these scopes any more.")
    resource = narrowed(still_given(row.resource, client), shown.resource)
    try:
        with transaction.atomic():
            return _give(row, client, session, scopes, resource, visit)
    except _Lost:
        spent = _find(client, shown.code)
        if spent:
            _undo(spent, visit)
        raise InvalidGrant("The code was used before.") from None


def _find(client: Client, code: str) -> Any:
    rows = Grant.objects.filter(code=digest(code), application=client)
    known = rows.select_related("session__user").annotate(is_over=Q(expires__lte=Now()))
    return known.first()


def _check(row: Any, shown: Shown) -> None:
    if row.is_over:
        raise InvalidGrant("The code has expired.")
    if shown.redirect_uri != row.redirect_uri and (shown.redirect_uri or _named_redirect_uri(row)):
        raise InvalidGrant("The redirect_uri is not the one that the code was issued to.")
    challenge = base64.urlsafe_b64encode(hashlib.sha256(shown.verifier.encode()).digest())
    if not constant_time_compare(challenge.decode().rstrip("="), row.code_challenge):
        raise InvalidGrant("The code_verifier is not the right one.")


def _named_redirect_uri(row: Any) -> bool:
    """Tell whether the token request must name the redirect URI: the authorization request has
    (RFC 6749, 4.1.3). A code of a former release has no word about it.
    """
    return bool(json.loads(row.claims or "{}").get(_NAMED, True))


def _give(
    row: Any,
    client: Client,
    session: Session,
    scopes: list[str],
    resource: list[str],
    visit: Visit,
) -> Issued:
    """Make the tokens, and spend the code with the last statement. Raises `_Lost`, and
    `InvalidGrant` when the session has just ended.
    """
    stays = OFFLINE in scopes or client.legacy_desktop
    apart = stays or client.lives_apart
    holder = row.session
    if not apart and not hold(row.session_id):
        raise InvalidGrant("The session has ended.")
    if apart:
        holder = children.begin(row.session, session, client.name or client.client_id, visit)
    sid = holder.uid if client.lives_apart else row.session_id
    request = minting.request_for(client, holder, scopes, resource, row.resource)
    held = json.loads(row.claims or "{}")
    wanted, words = tuple(held.get("id_token", {})), tuple(held.get("acr_values", ()))
    request.began_by, request.acr_words = "authorization_code", words or None
    minted = minting.mint(request, refresh=stays)
    tell({sid, holder.uid}, client, sid)
    spent = Grant.objects.filter(pk=row.pk, spent_at=None).update(
        spent_at=timezone.now(),
        expires=Now() + _REMEMBERED,
        child_uid=holder.uid if apart else "",
        access_checksum=digest(minted.access_token),
    )
    if not spent:
        raise _Lost
    return Issued(minted, client, session, row.user, sid, row.nonce, wanted, words)


def _undo(row: Any, visit: Visit) -> None:
    """End what a code gave that is used twice: one of the two callers stole it (RFC 6749, 4.1.2;
    RFC 9700, 4.5).
    """
    with minting.reused("code.reused", row, visit):
        if row.child_uid:
            end(StoredSession.objects.filter(uid=row.child_uid))
        AccessToken.objects.filter(token_checksum=row.access_checksum).delete()

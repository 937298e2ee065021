"""Tokens made, found again and rotated, whoever asks for them.

django-oauth-toolkit makes, stores and rotates them. Its request and its validator are driven from
here, without a request of HTTP's.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import get_access_token_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views.mixins import OAuthLibMixin
from oauthlib.common import Request

from accounts import conf, events, offers
from accounts.keyring import digest
from accounts.models import Event, StoredSession
from accounts.provider import Visit
from accounts.session.ending import end, hold
from portal.tokens import token_format


@dataclass(frozen=True, slots=True)
class Minted:
    """What was issued; `expires_in` is the access token's life in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    scope: str


def request_for(
    client: Any,
    row: StoredSession,
    scopes: Sequence[str],
    resource: Sequence[str] = (),
    granted_resource: Sequence[str] = (),
) -> Request:
    """Return the request that an OAuth client would have sent to the toolkit, for a session.

    An access token is for `resource`, a refresh token for all of `granted_resource` (RFC 8707,
    2.2). At a shared computer it lives no longer than the session does unused.
    """
    request = Request(f"{conf.site_url()}/oauth/token", "POST")
    request.client, request.user, request.session_uid = client, row.user, row.uid
    request.session_ends_at = row.expire_date if row.shared else row.ends_at
    request.scopes = list(scopes)
    request.resource = list(resource)
    request.granted_resource = list(granted_resource)
    return request


def mint(request: Request, *, refresh: bool) -> Minted:
    """Return new tokens for `request`, in the caller's transaction."""
    handler = OAuthLibMixin.get_server().bearer
    token = handler.create_token(request, refresh_token=refresh)
    handler.request_validator.save_bearer_token(token, request)
    return Minted(
        token["access_token"],
        token.get("refresh_token", ""),
        int(token["expires_in"]),
        token.get("scope", ""),
    )


def find_refresh_token(text: str) -> Any:
    """Return the row of a refresh token of ours, joined; None when there is none."""
    if not token_format.is_token(text, token_format.REFRESH):
        return None
    rows = get_refresh_token_model().objects.filter(token_checksum=digest(text))
    joined = rows.select_related("session__user", "application", "access_token")
    return joined.order_by("-pk").first()


def rotate(
    held: Any,
    text: str,
    scopes: Sequence[str] = (),
    resource: Sequence[str] = (),
    former: int = 0,
) -> Minted | None:
    """Let the toolkit check and spend a refresh token, in the caller's transaction. None when it
    refuses. `scopes` and `resource` narrow what the new access token is for; so many `former`
    access tokens stay good until they expire.

    The lock on the session makes overlapping calls wait, so that one of them finds the token
    unspent.
    """
    if not hold(held.session_id):
        return None
    if not get_refresh_token_model().objects.filter(pk=held.pk, revoked=None).exists():
        return None
    request = request_for(held.application, held.session, (), resource)
    request.grant_type = "refresh_token"
    request.refresh_token = text
    validator = oauth2_settings.OAUTH2_VALIDATOR_CLASS()
    if not validator.validate_refresh_token(text, held.application, request):
        offers.count("refresh", "ours", held.session.source, "refused")
        return None
    granted = held.scope or validator.get_original_scopes(text, request)
    request.scopes = list(scopes) or granted.split()
    offers.count("refresh", "ours", held.session.source, "renewed")
    minted = mint(request, refresh=True)
    _forget_former(held.token_family, former)
    return minted


def _forget_former(family: Any, kept: int) -> None:
    """Delete the access tokens of a family that are not the newest one, but so many that count."""
    tokens = get_access_token_model().objects
    rows = tokens.filter(refresh_token__token_family=family).order_by("-pk")
    known = list(rows.values_list("pk", "expires"))[1:]
    now = timezone.now()
    living = [pk for pk, expires in known if expires > now][:kept]
    if gone := [pk for pk, _expires in known if pk not in living]:
        tokens.filter(pk__in=gone).delete()


def reused(name: str, held: Any, visit: Visit) -> AbstractContextManager[None]:
    """Return the transaction in which all ends that the row `held` gave, with its event `name`: it
    was used twice, and one of the two callers stole it.
    """
    return events.recorded(_seen(name, held, visit))


def _seen(name: str, held: Any, visit: Visit, **more: str) -> Event:
    """Return an event of the token, or the code, `held`. A client without a person has no session
    by its token.
    """
    session = held.session
    known = {"source": session.source, "session_type": session.type} if session else {}
    mine = {"user_id": held.user_id, "session_uid": held.session_id or ""}
    return events.event(name, visit, **known, **mine, **more)


def revoke_family(held: Any, visit: Visit) -> None:
    """Revoke the family of a token that was used twice. A session without a browser ends with
    it. A renewal that is under way is waited for, and what it made is revoked too.
    """
    with reused("token.reused", held, visit):
        hold(held.session_id)
        get_refresh_token_model().revoke_family(held.token_family)
        if held.session.kind == StoredSession.Kind.CLIENT:
            end(StoredSession.objects.filter(uid=held.session_id))


def revoke_own_family(held: Any, visit: Visit) -> None:
    """Revoke a refresh token and all of its family, as its client wishes (RFC 7009, 2.1)."""
    end_family(held, visit, "left by the application", "application")


def end_family(held: Any, visit: Visit, why: str, actor: str) -> None:
    """Delete the family of a refresh token that nobody has stolen: whoever comes with one of them
    later is refused, and no thief. A session without a browser ends with it, for the reason `why`.
    """
    family = get_refresh_token_model().objects.filter(token_family=held.token_family)
    with transaction.atomic():
        if not hold(held.session_id):
            return
        if held.session.kind == StoredSession.Kind.CLIENT:
            ended = end(StoredSession.objects.filter(uid=held.session_id))
            events.record_ended(ended, why, visit, actor)
            return
        get_access_token_model().objects.filter(refresh_token__in=family).delete()
        if family.delete()[0]:
            _record_revoked(held, visit, why, actor)


def end_alone(held: Any, visit: Visit, why: str, actor: str) -> None:
    """Delete an access token that has no refresh token."""
    with transaction.atomic():
        lives = held.session_id is None or hold(held.session_id)
        if lives and held.delete()[0]:
            _record_revoked(held, visit, why, actor)


def _record_revoked(held: Any, visit: Visit, why: str, actor: str) -> None:
    detail = f"{held.application.client_id}: {why}"
    events.record(_seen("token.revoked", held, visit, detail=detail, actor=actor))

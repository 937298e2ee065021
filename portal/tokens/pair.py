"""The token pair of our own front ends: issued for a session, renewed, and spent once.

django-oauth-toolkit makes, stores and rotates the tokens. This module decides whose they are, and
the order of the steps.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import get_application_model, get_refresh_token_model
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views.mixins import OAuthLibMixin
from oauthlib.common import Request

from accounts import conf, events
from accounts.errors import AccessDenied, InvalidGrant
from accounts.keyring import digest
from accounts.models import StoredSession, User
from accounts.provider import Visit
from accounts.session import renewal
from accounts.session.store import end
from accounts.source import catalogue
from portal.door import routes
from portal.tokens import bearer, token_format
from portal.tokens.token_errors import InvalidToken, RefusedGrant, SessionExpired

# The client of all who call by `/session/login` or `/openid/...`: MapStore sends no client_id.
FIRST_PARTY = "vestibule"
_REFUSED = "The refresh token is not known, or it was used before."


@dataclass(frozen=True, slots=True)
class Pair:
    """An access and a refresh token; `expires_in` is the access token's life in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int

    def public(self) -> dict[str, Any]:
        """Return the answer of docs/contract.md 2, which is flat."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "bearer",
            "expires": self.expires_in,
            "expires_in": self.expires_in,
        }


def issue(row: StoredSession) -> Pair:
    """Return a new pair for the session `row`, in the caller's transaction.

    Raises `AccessDenied` for a person who awaits access, `InvalidToken` for a session that is over.
    """
    _require_active(row)
    request = _request(_first_party(), row)
    request.scopes = list(oauth2_settings.SCOPES)
    return _mint(request)


def renew(refresh_token: str, visit: Visit) -> Pair:
    """Spend a refresh token, and return the pair that follows it. The session lives on.

    The upstream's own tokens are refreshed as well, when due. Raises `RefusedGrant` for a token
    that is unknown, expired or spent; a spent one revokes its family (RFC 9700, 4.14.2). Raises
    `SessionExpired` when the upstream refuses, `AccessDenied` for a person who awaits access.

    One of two overlapping calls wins. The other is refused, and nothing is revoked.
    """
    held = _find(refresh_token)
    if held.revoked:
        _revoke_family(held, visit)
        raise RefusedGrant(_REFUSED)
    try:
        _require_active(held.session)
    except InvalidToken:
        raise RefusedGrant(_REFUSED) from None
    _keep_up(held.session)
    with transaction.atomic():
        pair = _rotate(held, refresh_token)
    if pair is None:
        raise RefusedGrant(_REFUSED)
    return pair


def _require_active(row: StoredSession) -> None:
    if bearer.standing(row).status != User.Status.ACTIVE:
        raise AccessDenied("An administrator must give access first.")


def _find(text: str) -> Any:
    """Return the row of a refresh token of ours, joined. Raises `RefusedGrant`."""
    if not token_format.is_token(text, token_format.REFRESH):
        raise RefusedGrant(_REFUSED)
    rows = get_refresh_token_model().objects.filter(
        token_checksum=digest(text), application__client_id=FIRST_PARTY
    )
    held = rows.select_related("session__user", "application").order_by("-pk").first()
    if held is None:
        raise RefusedGrant(_REFUSED)
    return held


def _revoke_family(held: Any, visit: Visit) -> None:
    """Revoke the family of a token that was used twice: one of the two callers stole it.

    A session without a browser ends with it.
    """
    seen = events.event(
        "token.reused",
        visit,
        source=held.session.source,
        session_type=held.session.type,
        user_id=held.user_id,
        session_uid=held.session_id,
    )
    with transaction.atomic():
        get_refresh_token_model().revoke_family(held.token_family)
        if held.session.kind == StoredSession.Kind.CLIENT:
            end(StoredSession.objects.filter(uid=held.session_id))
        events.record(seen)


def _keep_up(row: StoredSession) -> None:
    """Refresh the upstream's tokens when due, and let the session live on."""
    store = bearer.open_session(row)
    try:
        renewal.refresh(store, wait=True)
    except InvalidGrant:
        raise SessionExpired(routes.sign_in_again_url(catalogue.find(row.source))) from None
    store.touch(timezone.now())
    store.save()


def _rotate(held: Any, text: str) -> Pair | None:
    """Let the toolkit check and spend the token. None when it refuses.

    The lock makes overlapping calls wait, so that one of them finds the token unspent.
    """
    rows = get_refresh_token_model().objects.select_for_update(of=("self",))
    if not rows.filter(pk=held.pk, revoked=None).values_list("pk"):
        return None
    request = _request(held.application, held.session)
    request.grant_type = "refresh_token"
    request.refresh_token = text
    validator = oauth2_settings.OAUTH2_VALIDATOR_CLASS()
    if not validator.validate_refresh_token(text, held.application, request):
        return None
    request.scopes = validator.get_original_scopes(text, request).split()
    return _mint(request)


def _mint(request: Request) -> Pair:
    handler = OAuthLibMixin.get_server().bearer
    token = handler.create_token(request, refresh_token=True)
    handler.request_validator.save_bearer_token(token, request)
    return Pair(token["access_token"], token["refresh_token"], int(token["expires_in"]))


def _request(client: Any, row: StoredSession) -> Request:
    """Return the request that an OAuth client would have sent to the toolkit."""
    request = Request(f"{conf.site_url()}/session/login", "POST")
    request.client, request.user, request.session_uid = client, row.user, row.uid
    request.session_ends_at = row.ends_at
    return request


def _first_party() -> Any:
    clients = get_application_model()
    found, _made = clients.objects.get_or_create(
        client_id=FIRST_PARTY,
        defaults={
            "name": "Vestibule",
            "client_type": clients.CLIENT_PUBLIC,
            "client_secret": "",
            "authorization_grant_type": clients.GRANT_AUTHORIZATION_CODE,
            "skip_authorization": True,
        },
    )
    return found

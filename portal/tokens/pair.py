"""The token pair of our own front ends: issued for a session, renewed, and spent once.

django-oauth-toolkit makes, stores and rotates the tokens. This module decides whose they are, and
the order of the steps.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from oauth2_provider.models import get_application_model
from oauth2_provider.settings import oauth2_settings

from accounts.errors import AccessDenied, InvalidGrant
from accounts.models import StoredSession, User
from accounts.provider import Visit
from accounts.session import renewal
from accounts.source import catalogue
from portal.door import routes
from portal.tokens import bearer, minting
from portal.tokens.bearer import FIRST_PARTY
from portal.tokens.token_errors import InvalidToken, RefusedGrant, SessionExpired

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
    request = minting.request_for(_first_party(), row, list(oauth2_settings.SCOPES))
    return _pair(minting.mint(request, refresh=True))


def renew(refresh_token: str, visit: Visit) -> Pair:
    """Spend a refresh token, and return the pair that follows it. The session lives on.

    The upstream's own tokens are refreshed as well, when due. Raises `RefusedGrant` for a token
    that is unknown, expired or spent; a spent one revokes its family (RFC 9700, 4.14.2). Raises
    `SessionExpired` when the upstream refuses, `AccessDenied` for a person who awaits access.

    One of two overlapping calls wins. The other is refused, and nothing is revoked.
    """
    held = minting.find_refresh_token(refresh_token)
    if held is None or held.application.client_id != FIRST_PARTY:
        raise RefusedGrant(_REFUSED)
    if held.revoked:
        minting.revoke_family(held, visit)
        raise RefusedGrant(_REFUSED)
    try:
        _require_active(held.session)
        _keep_up(held.session)
    except InvalidToken:
        raise RefusedGrant(_REFUSED) from None
    with transaction.atomic():
        minted = minting.rotate(held, refresh_token)
    if minted is None:
        raise RefusedGrant(_REFUSED)
    return _pair(minted)


def _pair(minted: minting.Minted) -> Pair:
    return Pair(minted.access_token, minted.refresh_token, minted.expires_in)


def _require_active(row: StoredSession) -> None:
    if bearer.standing(row).status != User.Status.ACTIVE:
        raise AccessDenied("An administrator must give access first.")


def _keep_up(row: StoredSession) -> None:
    """Refresh the upstream's tokens when due, and let the session live on. Raises `InvalidToken`
    when it has ended meanwhile.
    """
    store = bearer.open_session(row)
    try:
        renewal.refresh(store, wait=True)
    except InvalidGrant:
        raise SessionExpired(routes.sign_in_again_url(catalogue.find(row.source))) from None
    bearer.keep_alive(store, row)


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

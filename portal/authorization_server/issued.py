"""What the token endpoint has to give, and the answer that holds it (RFC 6749, 5.1; OIDC Core, 2
and 3.1.3.3).
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oauth2_provider.settings import oauth2_settings

from accounts import conf, strength
from accounts.errors import InvalidGrant
from accounts.models import User
from accounts.session.typed import Session
from portal.authorization_server import keys
from portal.authorization_server.errors import InvalidScope, InvalidTarget
from portal.authorization_server.models import Client, ToldSession
from portal.tokens.minting import Minted


@dataclass(frozen=True, slots=True)
class Issued:
    """Tokens for a client, and of whom its id_token speaks. `claims` are those that were asked for
    by name, `acr_values` the words for a kind of sign-in.
    """

    minted: Minted
    client: Client
    session: Session
    user: User
    sid: str
    nonce: str = ""
    claims: Sequence[str] = ()
    acr_values: Sequence[str] = ()

    def public(self) -> dict[str, Any]:
        """Return the answer of the token endpoint."""
        answer: dict[str, Any] = {
            "access_token": self.minted.access_token,
            "token_type": "Bearer",
            "expires_in": self.minted.expires_in,
            "scope": self.minted.scope,
        }
        if self.minted.refresh_token:
            answer["refresh_token"] = self.minted.refresh_token
        if "openid" in self.minted.scope.split():
            answer["id_token"] = keys.sign(self._id_token())
        return answer

    def _id_token(self) -> dict[str, Any]:
        now = int(time.time())
        left = hashlib.sha256(self.minted.access_token.encode()).digest()[:16]
        named = person_claims(self.user, self.minted.scope.split(), self.claims)
        claims = {
            **named,
            "iss": conf.site_url(),
            "sub": self.user.uid,
            "aud": self.client.client_id,
            "iat": now,
            "exp": now + oauth2_settings.ID_TOKEN_EXPIRE_SECONDS,
            "auth_time": self.session.auth_time or "",  # a source need not tell
            "acr": strength.told(self.session, self.acr_values),
            "amr": list(self.session.amr),
            "sid": self.sid,
            "nonce": self.nonce,
            "at_hash": base64.urlsafe_b64encode(left).decode().rstrip("="),
        }
        return {name: value for name, value in claims.items() if value not in ("", [])}


def _groups(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


# Each claim of a person: the scope that lets it out, and where it stands (OIDC Core, 5.4).
CLAIMS: Mapping[str, tuple[str, Callable[[User], Any]]] = {
    "name": ("profile", lambda user: user.get_full_name()),
    "preferred_username": ("profile", lambda user: user.username),
    "email": ("email", lambda user: user.email),
    "email_verified": ("email", lambda user: bool(user.email) and user.email_verified),
    "groups": ("groups", _groups),
}


def person_claims(
    user: User, scopes: Sequence[str], names: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return what `scopes` let out of a person: the claims `names`, or all. Nothing is empty."""
    wanted = CLAIMS if names is None else [each for each in names if each in CLAIMS]
    found = {name: CLAIMS[name][1](user) for name in wanted if CLAIMS[name][0] in scopes}
    if found.get("email") == "":
        del found["email"]
        found.pop("email_verified", None)
    return found


def require_active(session: Session) -> None:
    """Raise `InvalidGrant` for a person who awaits access (docs/contract.md 5): a token endpoint
    has no other word for it (RFC 6749, 5.2).
    """
    if session.status != User.Status.ACTIVE:
        raise InvalidGrant("An administrator must give access first.")


def still_given(granted: Sequence[str], client: Client) -> list[str]:
    """Return the resources that were granted which the client may still have. Raises
    `InvalidTarget` where none is left: a token for none would be for this site.
    """
    found = client.resources_of(granted)
    if granted and not found:
        raise InvalidTarget("The client may have none of these resources any more.")
    return found


def narrowed(granted: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Return the resources of a new token: those asked for, of those granted (RFC 8707, 2.2)."""
    if asked and not set(asked) <= set(granted):
        raise InvalidTarget("This resource was not asked for when access was granted.")
    return list(dict.fromkeys(asked or granted))


def narrowed_scopes(granted: Sequence[str], asked: str, unasked: Sequence[str] = ()) -> list[str]:
    """Return the scopes of a refreshed token: those asked for, of those granted (RFC 6749, 6), and
    those that the client gets without naming them.
    """
    wanted = asked.split(" ") if asked else list(granted)
    if not set(wanted) <= set(granted):
        raise InvalidScope("A refreshed token is for no more than the first one was.")
    return list(dict.fromkeys([*wanted, *unasked]))


def tell(session_uids: Iterable[str], client: Client, sid: str) -> None:
    """Keep that a client knows of sessions, by the name `sid`."""
    told = [ToldSession(session_id=uid, client=client, sid=sid) for uid in session_uids]
    ToldSession.objects.bulk_create(told, ignore_conflicts=True)

"""What a client asks for at the authorization endpoint: read and checked, one check each.

RFC 6749, 4.1.1; RFC 7636, 4.3; OIDC Core, 3.1.2.1 and 5.5; RFC 8707, 2.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product, starmap
from typing import Any

from oauth2_provider.settings import oauth2_settings

from accounts import strength
from accounts.errors import InvalidRequest
from accounts.serialization import storable, strict_object
from portal.authorization_server import errors, resources
from portal.authorization_server.models import Client
from portal.authorization_server.wire import Parameters
from portal.tokens.revoked import GATEWAY

PROMPTS = ("none", "login", "consent", "select_account")
PARAMETERS = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "response_mode"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "ui_locales", "claims"),
    *("login_hint", "id_token_hint", "acr_values", "resource"),
    *("request", "request_uri", "registration"),  # which are refused
)
"""All that is read of an authorization request (RFC 6749, 4.1.1; OIDC Core, 3.1.2.1)."""
RESPONSE_MODES = ("query", "form_post")
OFFLINE = "offline_access"
_CHALLENGE = re.compile(r"\A[A-Za-z0-9_-]{43}\Z")
_NONCE_AT_MOST, _MAX_AGE_AT_MOST = 255, 10**9


@dataclass(frozen=True, slots=True)
class Asked:
    """One authorization request, checked. `claims`: the claims that are asked for, by where they
    stand; `acr`: the words of which one is essential; `acr_values`: words that are wished for;
    `subject`: the only person that will do (OIDC Core, 5.5 and 5.5.1).
    `names_redirect_uri`: whether the request named its redirect URI, which may be left out where
    only one is registered (RFC 6749, 3.1.2.3).
    """

    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    code_challenge: str = field(repr=False)
    state: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)
    prompts: frozenset[str] = frozenset()
    max_age: int | None = None
    resource: tuple[str, ...] = ()
    login_hint: str = field(default="", repr=False)
    id_token_hint: str = field(default="", repr=False)
    ui_locales: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    acr_values: str = ""
    acr: frozenset[str] = frozenset()
    subject: str = ""
    names_redirect_uri: bool = True

    @property
    def wishes_proof(self) -> bool:
        """Whether the client asks for a fresh sign-in, or for one of a certain strength."""
        return "login" in self.prompts or self.max_age is not None or bool(self.needed_acr)

    @property
    def wanted(self) -> tuple[str, ...]:
        """What the person has to allow: scopes, and each of them for each service that a token is
        to be for.
        """
        return (*self.scopes, *starmap(resources.scope_at, product(self.scopes, self.resource)))

    @property
    def words(self) -> tuple[str, ...]:
        """The words for a kind of sign-in that the client has named: the essential ones alone where
        there are any (OIDC Core, 5.5.1.1).
        """
        return tuple(sorted(self.acr) or self.acr_values.split())

    @property
    def needed_acr(self) -> frozenset[str]:
        """The words of which one must be true: the essential ones (OIDC Core, 5.5.1.1), else all of
        `acr_values` where one of them is a strength of ours (RFC 9470, 5).
        """
        listed = frozenset(self.acr_values.split())
        return self.acr or (listed if strength.asked_for(listed) else frozenset())


def read(client: Client, given: Parameters, redirect_uri: str) -> Asked:
    """Return the request. Raises the error of which the client is told at `redirect_uri`."""
    for check in _CHECKS:
        check(client, given)
    claims = _claims(given)
    return Asked(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scopes=_scopes(client, given),
        code_challenge=given["code_challenge"],
        state=given.get("state", ""),
        nonce=given.get("nonce", ""),
        prompts=_prompts(given),
        max_age=_max_age(given),
        resource=resources.check(given.resource, client.allowed_resources.split()),
        login_hint=given.get("login_hint", ""),
        id_token_hint=given.get("id_token_hint", ""),
        ui_locales=tuple(given.get("ui_locales", "").split()[:10]),
        claims=claims,
        acr_values=given.get("acr_values", ""),
        acr=_essential_acr(claims),
        subject=_value_of(claims, "sub"),
        names_redirect_uri="redirect_uri" in given,
    )


# --- The checks -----------------------------------------------------------------------------------


def _no_request_object(client: Client, given: Parameters) -> None:
    """OIDC Core, 6: what a request object says is not read, so it must not be there."""
    if "request" in given:
        raise errors.RequestNotSupported("Request objects are not taken; push the request.")
    if "request_uri" in given:
        raise errors.RequestUriNotSupported("Only a request that was pushed here is known.")
    if "registration" in given:
        raise InvalidRequest("Clients do not register here by themselves.")


def _response_type(client: Client, given: Parameters) -> None:
    """RFC 6749, 4.1.1; RFC 9700, 2.1.2: a code, and nothing that passes the browser in the open."""
    if given.need("response_type") != "code":
        raise errors.UnsupportedResponseType("Only response_type=code is served.")
    if not client.may_use("authorization_code"):
        raise errors.UnauthorizedClient("This client signs people in by the device grant only.")


def _response_mode(client: Client, given: Parameters) -> None:
    """OAuth 2.0 Multiple Response Types, 2.1; Form Post Response Mode, 2."""
    if given.get("response_mode", "query") not in RESPONSE_MODES:
        raise InvalidRequest("The response_mode is not served.")


def _pkce(client: Client, given: Parameters) -> None:
    """RFC 7636, 4.3; RFC 9700, 2.1.1: S256, for every client."""
    if given.get("code_challenge_method") != "S256":
        raise InvalidRequest("Use PKCE with code_challenge_method=S256.")
    if not _CHALLENGE.match(given.need("code_challenge")):
        raise InvalidRequest("The code_challenge is no SHA-256 in base64url.")


def _nonce(client: Client, given: Parameters) -> None:
    if len(given.get("nonce", "")) > _NONCE_AT_MOST:
        raise InvalidRequest("The nonce is too long.")


_CHECKS: tuple[Callable[[Client, Parameters], None], ...] = (
    _no_request_object,
    _response_type,
    _response_mode,
    _pkce,
    _nonce,
)


def _scopes(client: Client, given: Parameters) -> tuple[str, ...]:
    """Return the scopes, each once. Unknown ones are refused, and those beyond the client's own."""
    return scopes_of(client, given.get("scope", "openid"))


def scopes_of(client: Client, text: str) -> tuple[str, ...]:
    """Return the scopes that `text` names, and what the client gets unasked. Raises `InvalidScope`
    (RFC 6749, 3.3).
    """
    asked = tuple(dict.fromkeys(text.split(" ")))
    if not set(asked) <= set(oauth2_settings.SCOPES):
        raise errors.InvalidScope("There is no such scope.")
    if len(client.scopes_of(asked)) != len(asked):
        raise errors.InvalidScope("This client may not have all of these scopes.")
    return tuple(dict.fromkeys([*asked, *unasked(client, client.allowed_scopes.split())]))


def unasked(client: Client, given: Iterable[str]) -> list[str]:
    """Return those of the scopes `given` that a client gets without naming them: a program of
    before asks for the same ones everywhere, and knows no scope of ours.
    """
    return [GATEWAY] if client.legacy_desktop and GATEWAY in given else []


def _prompts(given: Parameters) -> frozenset[str]:
    found = frozenset(given.get("prompt", "").split())
    if not found <= set(PROMPTS):
        raise InvalidRequest("The prompt is not known.")
    if "none" in found and len(found) > 1:
        raise InvalidRequest("prompt=none goes with nothing else.")
    return found


def _max_age(given: Parameters) -> int | None:
    text = given.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        raise InvalidRequest("The max_age is no number of seconds.")
    return min(int(text), _MAX_AGE_AT_MOST)


def _claims(given: Parameters) -> dict[str, dict[str, Any]]:
    """Return what is asked for in `id_token` and `userinfo` (OIDC Core, 5.5)."""
    if "claims" not in given:
        return {}
    try:
        found = storable(strict_object(given["claims"]))
    except ValueError:
        raise InvalidRequest("The claims are no JSON object.") from None
    wanted = {place: found.get(place, {}) for place in ("id_token", "userinfo")}
    for names in wanted.values():
        fits = isinstance(names, dict) and all(
            each is None or isinstance(each, dict) for each in names.values()
        )
        if not fits:
            raise InvalidRequest("The claims are not as OIDC Core, 5.5 has them.")
    return wanted


def _essential_acr(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the acr values of which one is demanded; empty when none is (OIDC Core, 5.5.1.1)."""
    wish = claims.get("id_token", {}).get("acr") or {}
    if wish.get("essential") is not True:
        return frozenset()
    values = wish.get("values", [])
    listed = [wish.get("value"), *(values if isinstance(values, list) else [])]
    return frozenset(each for each in listed if isinstance(each, str))


def _value_of(claims: Mapping[str, Any], name: str) -> str:
    """Return the one value that a claim must have (OIDC Core, 5.5.1), or nothing."""
    found = (claims.get("id_token", {}).get(name) or {}).get("value")
    return found if isinstance(found, str) else ""

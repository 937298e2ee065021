"""The authorization request (RFC 6749, 4.1.1; OIDC Core, 3.1.2.1; RFC 7636, 4.3), check by check.

First comes who would get the answer: nobody is sent to an address that is not registered. All that
is wrong after that is answered to the client.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.http import QueryDict

from accounts.errors import InvalidRequest
from tests.sandbox.oauth_errors import InvalidScope, RequestNotSupported, UnsupportedResponseType
from tests.sandbox.personas import CLAIMS_OF_SCOPE
from tests.sandbox.realms import Realm

# RFC 7636, 4.2: the S256 challenge is 32 bytes in base64url.
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
RESPONSE_MODES = ("query", "form_post")
PROMPTS = ("none", "login", "consent", "select_account")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets the answer, and how."""

    client_id: str
    redirect_uri: str
    state: str = field(repr=False)
    response_mode: str = "query"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request that passed every check. `max_age` is in seconds."""

    recipient: Recipient
    scope: str
    nonce: str = field(repr=False)
    code_challenge: str = field(repr=False)
    prompt: tuple[str, ...] = ()
    max_age: int | None = None

    @property
    def client_id(self) -> str:
        """Who asks."""
        return self.recipient.client_id

    @property
    def redirect_uri(self) -> str:
        """Where the code goes."""
        return self.recipient.redirect_uri


def recipient(realm: Realm, given: QueryDict) -> Recipient:
    """Return who gets the answer. Raises `InvalidRequest`, which only the person can be shown."""
    for name in ("client_id", "redirect_uri", "response_mode"):
        _refuse_repeated(given, name)
    client = realm.client(given.get("client_id", ""))
    if client is None:
        raise InvalidRequest("The client_id is unknown.")
    redirect_uri = given.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:  # exactly: RFC 9700, 2.1
        raise InvalidRequest("The redirect_uri is not registered for this client.")
    mode = given.get("response_mode", "")
    known = mode if mode in RESPONSE_MODES else "query"
    return Recipient(client.client_id, redirect_uri, given.get("state", ""), known)


def read(to: Recipient, given: QueryDict) -> AuthorizationRequest:
    """Return the request when all of it holds. Raises the typed error for the client."""
    for check in CHECKS:
        check(given)
    max_age = given.get("max_age", "")
    return AuthorizationRequest(
        to,
        " ".join(each for each in given.get("scope", "").split() if each in CLAIMS_OF_SCOPE),
        given.get("nonce", ""),
        given.get("code_challenge", ""),
        tuple(given.get("prompt", "").split()),
        int(max_age) if max_age else None,
    )


def check_repeated(given: QueryDict) -> None:
    """Refuse a parameter that comes twice (RFC 6749, 3.1)."""
    for name in given:
        _refuse_repeated(given, name)


def check_request_object(given: QueryDict) -> None:
    """Refuse `request` and `request_uri`: what is not understood must not be passed over."""
    if "request" in given or "request_uri" in given:
        raise RequestNotSupported("Request objects are not supported.")


def check_response_type(given: QueryDict) -> None:
    """Take the code flow only."""
    if given.get("response_type") != "code":
        raise UnsupportedResponseType("The response_type must be code.")


def check_response_mode(given: QueryDict) -> None:
    """Take the two modes that fit the code flow."""
    if given.get("response_mode", "query") not in RESPONSE_MODES:
        raise InvalidRequest("The response_mode must be query or form_post.")


def check_scope(given: QueryDict) -> None:
    """Ask for `openid`; other unknown scopes are left out (OIDC Core, 3.1.2.1)."""
    if "openid" not in given.get("scope", "").split():
        raise InvalidScope("The scope must hold openid.")


def check_pkce(given: QueryDict) -> None:
    """Ask every client for PKCE with S256 (RFC 9700, 2.1.1)."""
    if given.get("code_challenge_method") != "S256":
        raise InvalidRequest("The code_challenge_method must be S256.")
    if not CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise InvalidRequest("The code_challenge is missing or malformed.")


def check_prompt(given: QueryDict) -> None:
    """Take known prompts; `none` stands alone (OIDC Core, 3.1.2.1)."""
    asked = given.get("prompt", "").split()
    if not set(asked) <= set(PROMPTS) or ("none" in asked and len(asked) > 1):
        raise InvalidRequest("The prompt is unknown, or none is not alone.")


def check_max_age(given: QueryDict) -> None:
    """Take a number of seconds."""
    if not re.fullmatch(r"[0-9]{0,9}", given.get("max_age", "")):
        raise InvalidRequest("The max_age must be a number of seconds.")


CHECKS = (
    check_repeated,
    check_request_object,
    check_response_type,
    check_response_mode,
    check_scope,
    check_pkce,
    check_prompt,
    check_max_age,
)


def _refuse_repeated(given: QueryDict, name: str) -> None:
    if len(given.getlist(name)) > 1:
        raise InvalidRequest(f"A parameter is there more than once: {name}.")

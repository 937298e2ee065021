"""The code flow: both requests and their answers (OIDC Core, 3.1; RFC 6749; RFC 7636, 9207)."""

import hmac
import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts.errors import (
    CANCELLED,
    AccessDenied,
    InvalidGrant,
    InvalidRequest,
    Misconfigured,
    TemporarilyUnavailable,
)
from accounts.http import Answer
from accounts.login.flow import code_challenge
from accounts.provider import LoginFlow, TokenSet
from providers.oidc.discovery import Metadata
from providers.oidc.settings import OidcSettings

# Microsoft Entra's claim of authentication contexts, which is asked for by itself.
_CONTEXTS = "acrs"
_LONGEST_CODE = 8192
_UNAVAILABLE = {"temporarily_unavailable", "server_error"}
_ERRORS = {
    *("account_selection_required", "consent_required", "interaction_required", "invalid_request"),
    *("invalid_scope", "login_required", "unauthorized_client", "unsupported_response_type"),
}

# What a 4xx to a refresh may say of our client, or of their own trouble, and not of the token.
_NOT_REFUSED = {"invalid_client", "unauthorized_client", *_UNAVAILABLE}
_LATER = {408, 425, 429}

# Ten years: beyond it a lifetime is a mistake, and dates end.
_LONGEST_SECONDS = 10 * 366 * 24 * 3600
_HINTS = {
    "invalid_client": "Compare client_id, client_secret and client_auth with the registration.",
    "unauthorized_client": "Allow the authorization code grant, with refresh, in the registration.",
    "invalid_request": "Compare client_auth and the redirect URI with the registration.",
    "invalid_scope": "Compare scope with the registration.",
    "unsupported_grant_type": "Allow the authorization code grant in the registration.",
}


def request(
    settings: OidcSettings,
    flow: LoginFlow,
    prompts: Collection[str] = (),
    acrs: Collection[str] = (),
) -> dict[str, str]:
    """Return the parameters of the request (OIDC Core, 3.1.2.1; RFC 7636, 4.3).

    A flow that asks for a fresh proof adds `login` to what is prompted for, and `max_age=0`, which
    makes the provider say when it was given. One that asks for somebody else prompts for the
    account where the provider has that among its `prompts`. At a shared computer it prompts for
    `login`, so that nobody comes in by a session that somebody before has left there. What an
    application wishes is passed on, unless the settings say something stricter or else; what one of
    our own rules demands counts more. Of the words for that the provider is sent those that are
    among its `acrs`.
    """
    demanded = _strength(settings, flow, acrs)
    mode = {"response_mode": "form_post"} if settings.response_mode == "form_post" else {}
    return {
        **_wishes(flow),
        **({} if flow.wishes.get("strength") else demanded),
        **settings.authorize,
        **(demanded if flow.wishes.get("strength") else {}),
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": flow.redirect_uri,
        "scope": settings.scope,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": code_challenge(flow),
        "code_challenge_method": "S256",
        **mode,
        **_asking(settings, flow, prompts),
        **_max_age(settings, flow),
    }


def _wishes(flow: LoginFlow) -> dict[str, str]:
    """Return what an application wishes; no name of whom the source has just refused."""
    names = ("ui_locales",) if flow.other else ("login_hint", "ui_locales")
    return {name: flow.wishes[name] for name in names if name in flow.wishes}


def _strength(settings: OidcSettings, flow: LoginFlow, acrs: Collection[str]) -> dict[str, str]:
    """Return by which parameter the provider is asked for a kind of sign-in: `acr_values`, or the
    claim itself where the words stand in Entra's `acrs`, of which it takes one (OIDC Core, 5.5).
    """
    wished = flow.wishes.get("acr_values", "").split()
    words = [each for each in wished if each in acrs] or wished
    if settings.required_acr:
        both = [each for each in settings.required_acr if each in wished]
        words = both if flow.wishes.get("strength") and both else list(settings.required_acr)
    if not words:
        return {}
    if settings.strength_claim != _CONTEXTS:
        return {"acr_values": " ".join(words)}
    wanted = {"id_token": {_CONTEXTS: {"essential": True, "value": words[0]}}}
    return {"claims": json.dumps(wanted)}


def _max_age(settings: OidcSettings, flow: LoginFlow) -> dict[str, str]:
    """Return the strictest age that anybody asks for."""
    configured, wished = settings.authorize.get("max_age", ""), flow.wishes.get("max_age", "")
    ages = [int(each) for each in (configured, wished) if each.isascii() and each.isdecimal()]
    if flow.again:
        return {"max_age": "0"}
    return {"max_age": str(min(ages))} if wished and ages else {}


def _asking(settings: OidcSettings, flow: LoginFlow, prompts: Collection[str]) -> dict[str, str]:
    """Return what the provider must ask the person for, beside what the settings say."""
    if not (flow.again or flow.shared or flow.other):
        return {}
    configured = settings.authorize.get("prompt", "").split()
    # One whose settings ask for the account may know no `login`, as Google does not.
    known = configured if flow.shared else [*configured, *prompts]
    first = "select_account" if not flow.again and "select_account" in known else "login"
    rest = (each for each in configured if each not in {first, "none"})
    return {"prompt": " ".join([first, *rest])}


def check_state(flow: LoginFlow, response: Mapping[str, str]) -> None:
    """Refuse an answer to another request (RFC 6749, 10.12). Raises `InvalidRequest`."""
    found = response.get("state", "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(found, flow.state.encode()):
        raise InvalidRequest("The answer belongs to another request.")


def check_issuer(settings: OidcSettings, known: Metadata, response: Mapping[str, str]) -> None:
    """Refuse an answer of another provider (RFC 9207, 2.4). Raises `InvalidRequest`.

    `iss` is compared whenever it is there, and must be there when the provider announced it.
    """
    found = response.get("iss")
    if found is None and known.announces_iss:
        raise InvalidRequest("The answer does not say which provider it comes from.")
    if found is not None and found != settings.issuer:
        raise InvalidRequest("The answer comes from another provider.")


def code_of(response: Mapping[str, str]) -> str:
    """Return the code of a success. Raises what an error response means (OIDC Core, 3.1.2.6).

    Nothing of `error_description` is kept: it is written by whoever made the answer.
    """
    error, code = response.get("error"), response.get("code", "")
    if error is not None and code:
        raise InvalidRequest("The answer is both a success and an error.")
    if error == "access_denied":
        raise AccessDenied("The person or the provider said no.", reason=CANCELLED)
    if error in _UNAVAILABLE:
        raise TemporarilyUnavailable(
            "The answer says that the identity provider is in trouble.", is_hearsay=True
        )
    if error is not None:
        name = error if error in _ERRORS else "an error of its own"
        raise InvalidGrant(f"The identity provider answered with {name}.")
    if not code or len(code) > _LONGEST_CODE or not (code.isascii() and code.isprintable()):
        raise InvalidRequest("The answer holds no code.")
    return code


def token_request(flow: LoginFlow, code: str) -> dict[str, str]:
    """Return the parameters by which a code is redeemed (RFC 6749, 4.1.3; RFC 7636, 4.5)."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.code_verifier,
    }


def check_answer(answer: Answer, *, refresh: bool = False) -> None:
    """Raise what a token endpoint's error means (RFC 6749, 5.2); nothing of its body is kept.

    `InvalidGrant` when the code or refresh token is wrong, spent or expired. A `refresh` worked
    once with the same parameters, so that any 4xx to it means the token, whatever name it has; 408,
    425 and 429 ask for another try. `Misconfigured` when our client is refused. All else is their
    fault and says nothing of the person: `TemporarilyUnavailable`.
    """
    error = error_of(answer)
    if answer.status == 200 and not error:
        return
    named = isinstance(error, str) and error in _NOT_REFUSED
    refused = refresh and 400 <= answer.status < 500 and answer.status not in _LATER and not named
    if refused or (error == "invalid_grant" and answer.status < 500):
        raise InvalidGrant("The identity provider refuses the code or refresh token.")
    if isinstance(error, str) and error in _HINTS:
        raise Misconfigured(f"The token endpoint answers {error}. {_HINTS[error]}")
    said = f"The token endpoint answers with status {answer.status}."
    raise TemporarilyUnavailable(said, is_hearsay=True)  # what it was sent came from the browser


def token_set(answer: Mapping[str, Any], now: datetime) -> TokenSet:
    """Return the tokens of a response. Raises `InvalidGrant` for one that is no bearer token."""
    kind = answer.get("token_type", "Bearer")
    access_token = answer.get("access_token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise InvalidGrant("The identity provider issues tokens of another type than Bearer.")
    if not isinstance(access_token, str) or not _visible(access_token):
        raise InvalidGrant("The token response holds no access token.")
    return TokenSet(
        access_token=access_token,
        refresh_token=_text(answer, "refresh_token"),
        id_token=_text(answer, "id_token"),
        scope=_text(answer, "scope"),
        expires_at=_end(answer.get("expires_in"), now),
        refresh_expires_at=_end(answer.get("refresh_expires_in"), now),
    )


def error_of(answer: Answer) -> object:
    """Return the error that an endpoint names (RFC 6749, 5.2); None for all else."""
    try:
        return answer.json().get("error")
    except (TemporarilyUnavailable, AttributeError):
        return None  # an error page, or no object: the status says enough


def _text(answer: Mapping[str, Any], name: str) -> str:
    found = answer.get(name)
    return found if isinstance(found, str) and _visible(found) else ""


def _visible(token: str) -> bool:
    """RFC 6749, A.12: visible ASCII, so that it can stand in a header; scopes have spaces too."""
    return bool(token) and token.isascii() and token.isprintable()


def _end(seconds: Any, now: datetime) -> datetime | None:
    """Return when a lifetime ends. Some providers write it as a text, and 0 for no end."""
    if isinstance(seconds, str) and seconds.isdecimal() and len(seconds) < 12:
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        return None
    return now + timedelta(seconds=seconds) if 0 < seconds <= _LONGEST_SECONDS else None

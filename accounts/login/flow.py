"""The LoginFlow: one authorization request in flight, sealed so that only we can read it.

It travels in the browser, never in the database. Its cookie is named by a short hash of its state.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from accounts import cache, conf, serialization
from accounts.keyring import digest, seal, unseal
from accounts.provider import LoginFlow

COOKIE_PREFIX = "vf-"
AT_MOST = 5
_PURPOSE = "flow"
_CLAIMED_SECONDS = 3600


def new_flow(
    source: str,
    redirect_uri: str,
    next_url: str,
    now: datetime,
    link_uid: str = "",
    *,
    again: bool = False,
    other: bool = False,
    wishes: Mapping[str, str] | None = None,
    shared: bool = False,
    subject: str = "",
    bound_to: str = "",
) -> LoginFlow:
    """Return a flow with fresh state, nonce and code_verifier (256 bits each; RFC 7636, 4.1)."""
    return LoginFlow(
        source=source,
        **_secrets(),
        redirect_uri=redirect_uri,
        next=next_url,
        started_at=now,
        link_uid=link_uid,
        again=again,
        other=other,
        wishes=wishes or {},
        shared=shared,
        subject=subject,
        bound_to=bound_to,
    )


def afresh(flow: LoginFlow, now: datetime) -> LoginFlow:
    """Return a flow that asks for the same, begun now by somebody else."""
    return replace(flow, **_secrets(), started_at=now)


def _secrets() -> dict[str, Any]:
    return {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "code_verifier": secrets.token_urlsafe(48),
    }


def code_challenge(flow: LoginFlow) -> str:
    """Return the S256 challenge of the flow's verifier (RFC 7636, 4.2)."""
    hashed = hashlib.sha256(flow.code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def cookie_name(state: str) -> str:
    """Return the name of the cookie in which the flow of `state` travels."""
    return COOKIE_PREFIX + digest(state)[:16]


def state_digest(state: str) -> str:
    """Return what the session row keeps of a state that was used, so that it is used once."""
    return digest(f"state:{state}")


def seal_flow(flow: LoginFlow) -> str:
    """Return the flow as its cookie's value."""
    return seal(serialization.dump(flow), _PURPOSE)


def open_flow(sealed: str) -> LoginFlow | None:
    """Return the flow of a cookie's value; None when it is not ours. `expired` tells its age."""
    try:
        values = unseal(sealed, _PURPOSE)
        values.pop("purpose", None)  # of version 0.1: what is under way survives an upgrade
        return serialization.load(LoginFlow, values)
    except (AttributeError, TypeError, ValueError):  # `Unreadable` is one
        return None


def expired(flow: LoginFlow, now: datetime) -> bool:
    """Tell whether the flow took longer than it may."""
    return now - flow.started_at > conf.flow_lifetime()


def claim(state: str) -> bool:
    """Tell whether this is the first answer for `state`, so that its code is spent once only.

    The cache saves the other answers' calls. The unique column of the session row decides, so a
    cache that fails lets every answer through.
    """
    return cache.shared.add(_claim(state), 1, _CLAIMED_SECONDS)


def release(state: str) -> None:
    """Let the answer for `state` come again: it was not looked at."""
    cache.shared.delete(_claim(state))


def _claim(state: str) -> str:
    return f"flow:{state_digest(state)}"

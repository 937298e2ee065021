"""Leaving Unilogin: the broker is called by us, and its answer decides nothing here."""

from __future__ import annotations

from accounts.errors import TemporarilyUnavailable
from accounts.http import Client
from accounts.provider import LogoutPlan, TokenSet
from accounts.upstream.urls import with_query
from providers.oidc.discovery import Metadata

# A person waits for it, so it is shorter than other calls.
SECONDS = 3.0


def plan(tokens: TokenSet | None) -> LogoutPlan:
    """Return the call, cut down to its hint: the id_token; an empty plan without one.

    It needs no browser, so it is what a logout by an API does as well.
    """
    if tokens is None or not tokens.id_token:
        return LogoutPlan()
    hint = TokenSet(id_token=tokens.id_token)
    return LogoutPlan(call=hint, api_call=hint)


def call(known: Metadata, client_id: str, tokens: TokenSet, http: Client) -> None:
    """End the session at the broker (RP-Initiated Logout, 2), without an address to return to.

    Idempotent: the broker answers alike when it is over already. Raises `TemporarilyUnavailable`.
    """
    endpoint = known.endpoint("end_session_endpoint")
    if not endpoint or not tokens.id_token:
        return
    hints = {"id_token_hint": tokens.id_token, "client_id": client_id}
    answer = http.get(with_query(endpoint, hints), deadline=SECONDS)
    if not 200 <= answer.status < 400:
        raise TemporarilyUnavailable(f"The end_session_endpoint answers {answer.status}.")

"""The CMS's GraphQL, as far as it is needed (go-and-cms.md 1.3). Its private part is never asked.

A question is asked either as our own user (HTTP Basic) or as the patron, by their cookie; never as
both, since the CMS would then take us for the user and not for the patron.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from accounts.errors import TemporarilyUnavailable
from accounts.http import Client
from accounts.http.answer import Answer
from providers.adgangsplatformen.cookies import CmsCookie
from providers.adgangsplatformen.settings import CmsSettings

ADDRESSES = """\
query vestibuleAddresses { goConfiguration { public {
  loginUrls { adgangsplatformen } logoutUrls { adgangsplatformen } } } }"""
PATRON = """\
query vestibuleUserToken { dplTokens { adgangsplatformen {
  user { token expire { timestamp } } } } }"""

# One question to the CMS may take so many seconds, and all of one sign-in together.
CALL_SECONDS, ALL_SECONDS = 2.0, 4.5
_LARGEST = 64 * 1024
_LONGEST_TOKEN = 4096
_END_OF_TIME = 253_402_300_799  # the last second of the year 9999: milliseconds are beyond it


class Budget:
    """The seconds that are left for all the calls of one request."""

    def __init__(self, seconds: float = ALL_SECONDS) -> None:
        self._ends = time.monotonic() + seconds

    def next(self) -> float:
        """Return how long the next call may take. Raises `TemporarilyUnavailable` when spent."""
        left = self._ends - time.monotonic()
        if left < 0.1:
            raise TemporarilyUnavailable("The CMS takes too long.")
        return min(CALL_SECONDS, left)


@dataclass(frozen=True, slots=True)
class UserToken:
    """A patron's token at Adgangsplatformen, and when it ends."""

    token: str = field(repr=False)
    expires_at: datetime


class Cms:
    """Asks one CMS. Every method raises `TemporarilyUnavailable` when it gives no usable answer."""

    def __init__(self, settings: CmsSettings, http: Client) -> None:
        self._settings, self._http = settings, http

    def addresses(self, budget: Budget) -> dict[str, str | None]:
        """Return where `login` and `logout` are, None for one that the CMS does not offer."""
        user = (self._settings.graphql_user, self._settings.graphql_password)
        answer = self._post(ADDRESSES, budget, auth=user)
        if answer.status in {401, 403}:
            raise TemporarilyUnavailable("The CMS refuses the GraphQL user.")
        public = _member(_data(answer), "goConfiguration", "public")
        return {
            word: _text_or_null(_member(public, f"{word}Urls").get("adgangsplatformen"))
            for word in ("login", "logout")
        }

    def user_token(self, cookie: CmsCookie, budget: Budget, now: datetime) -> UserToken | None:
        """Return the token of the patron whose cookie this is, or None when it is nobody's.

        A cookie that has died makes its bearer a stranger, whom the CMS may refuse to answer.
        """
        answer = self._post(PATRON, budget, headers={"Cookie": cookie.header})
        if answer.status in {401, 403}:
            return None
        found = _member(_data(answer), "dplTokens", "adgangsplatformen").get("user")
        return None if found is None else _token(found, now)

    def _post(self, query: str, budget: Budget, **more: Any) -> Answer:
        return self._http.post(
            self._settings.graphql_url,
            json={"query": query, "variables": {}},
            deadline=budget.next(),
            max_bytes=_LARGEST,
            **more,
        )


def _data(answer: Answer) -> dict[str, Any]:
    """Return `data` of a GraphQL answer (GraphQL, 7.1). Errors beside it spoil it."""
    if answer.status != 200:
        raise TemporarilyUnavailable(f"The CMS answered GraphQL with status {answer.status}.")
    body = answer.json()
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict) or body.get("errors"):
        raise TemporarilyUnavailable("The CMS answered GraphQL with errors.")
    found: dict[str, Any] = body["data"]
    return found


def _member(held: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return an object inside another; what is null or missing is empty. Raises for all else."""
    for name in path:
        found = held.get(name)
        if found is not None and not isinstance(found, dict):
            raise TemporarilyUnavailable("The CMS's answer has another shape than it should.")
        held = found or {}
    return held


def _text_or_null(found: object) -> str | None:
    if found is not None and not isinstance(found, str):
        raise TemporarilyUnavailable("The CMS's answer has another shape than it should.")
    return found or None


def _token(found: object, now: datetime) -> UserToken | None:
    token = found.get("token") if isinstance(found, dict) else None
    expire = found.get("expire") if isinstance(found, dict) else None
    seconds = expire.get("timestamp") if isinstance(expire, dict) else None
    usable = isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN and token.isprintable()
    if not usable or type(seconds) is not int or not 0 <= seconds <= _END_OF_TIME:
        raise TemporarilyUnavailable("The CMS's answer has another shape than it should.")
    ends = datetime.fromtimestamp(seconds, UTC)
    return UserToken(str(token), ends) if ends > now else None

"""The CMS's GraphQL, as far as it is needed (docs/threats.md 2.1). Its private part is never asked.

A question is asked either as our own user (HTTP Basic) or as the patron, by their cookie; never as
both, since the CMS would then take us for the user and not for the patron.
"""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_noop as _

from accounts.errors import Misconfigured, Said, TemporarilyUnavailable
from accounts.http import CallFailed, Client, origin_of
from accounts.provider import TokenSet
from accounts.upstream import urls
from accounts.upstream.last_good import LastGood
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
MAX_AGE = timedelta(minutes=15)
# A null is asked about again after so long.
SOON = timedelta(seconds=30)
_LARGEST = 64 * 1024
_LONGEST_TOKEN = 4096
_END_OF_TIME = 253_402_300_799  # the last second of the year 9999: milliseconds are beyond it
_SHAPE = Said(_("The CMS's answer has another shape than it should."))


class Budget:
    """The seconds that are left for all the calls of one request.

    `vain` counts the cookies by which nobody came in: the visitor's own cost, whatever fails later.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._ends = time.monotonic() + (ALL_SECONDS if seconds is None else seconds)
        self.vain = 0

    def next(self) -> float:
        """Return how long the next call may take. Raises `TemporarilyUnavailable` when spent."""
        left = self._ends - time.monotonic()
        if left < 0.1:
            raise TemporarilyUnavailable(Said(_("The CMS takes too long.")))
        return min(CALL_SECONDS, left)


@dataclass(frozen=True, slots=True)
class CmsUrls:
    """The URLs of the CMS's login and logout; empty for one that it does not offer."""

    login: str
    logout: str


class Cms:
    """Asks one CMS. Every method raises `TemporarilyUnavailable` when it gives no usable answer."""

    def __init__(self, settings: CmsSettings, http: Client) -> None:
        self._settings, self._http = settings, http
        self._urls: LastGood[CmsUrls] = LastGood(
            lambda known: known, max_age=_max_age, kept=math.inf
        )
        self._looked_at: datetime | None = None

    def urls(self, now: datetime, wait: float = CALL_SECONDS) -> CmsUrls:
        """Return the URLs: fetched and kept, else built of the settings' paths. Thread-safe."""
        settings = self._settings
        if not settings.graphql_user:
            return CmsUrls(
                settings.built(settings.login_path, settings.after_login),
                settings.built(settings.logout_path, settings.after_logout),
            )
        return self._urls.get(self.fetch_urls, now, wait=wait)

    def offers_login(self, now: datetime) -> bool:
        """Tell whether there is a login. Nobody waits for somebody else's question; what is not
        known counts as offered.
        """
        unknown = self._settings.graphql_user and self._urls.peek(now) is None
        if unknown and self._looked_at and timedelta(0) <= now - self._looked_at < SOON:
            return True
        self._looked_at = now
        try:
            return bool(self.urls(now, wait=0).login)
        except TemporarilyUnavailable:
            return False

    def fetch_urls(self) -> CmsUrls:
        """Ask the CMS for its URLs now."""
        user = (self._settings.graphql_user, self._settings.graphql_password)
        data = self._query(ADDRESSES, Budget(), auth=user)
        if data is None:
            raise Misconfigured(Said(_("The CMS refuses the GraphQL user.")))
        public = _member(data, "goConfiguration", "public")
        login, logout = (_member(public, name) for name in ("loginUrls", "logoutUrls"))
        return CmsUrls(
            self._checked(login.get("adgangsplatformen")),
            self._checked(logout.get("adgangsplatformen")),
        )

    def user_token(self, cookie: CmsCookie, budget: Budget, now: datetime) -> TokenSet | None:
        """Return the token of the patron whose cookie this is, or None when it is nobody's.

        A cookie that has died makes its bearer a stranger, whom the CMS may refuse to answer.
        """
        data = self._query(PATRON, budget, headers={"Cookie": cookie.header})
        held = _member(data or {}, "dplTokens", "adgangsplatformen")
        if held.get("user") is None:
            return None
        user = _member(held, "user")
        token, seconds = user.get("token"), _member(user, "expire").get("timestamp")
        usable = isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN and token.isprintable()
        if not usable or type(seconds) is not int or not 0 <= seconds <= _END_OF_TIME:
            raise TemporarilyUnavailable(_SHAPE)
        ends = datetime.fromtimestamp(seconds, UTC)
        return TokenSet(access_token=str(token), expires_at=ends) if ends > now else None

    def first_token(
        self, mine: list[CmsCookie], budget: Budget, now: datetime
    ) -> tuple[CmsCookie, TokenSet] | None:
        """Return the first cookie that is a patron's, with their token; None when none is.

        An error for one cookie does not hide another that works. Those of nobody are in vain.
        """
        failed: TemporarilyUnavailable | None = None
        for cookie in mine:
            try:
                held = self.user_token(cookie, budget, now)
            except CallFailed:
                raise  # no answer at all: the next question would wait as long
            except TemporarilyUnavailable as error:
                failed = error
                continue
            if held:
                return cookie, held
            budget.vain += 1
        if failed:
            raise failed
        return None

    def _checked(self, url: object) -> str:
        """Return a URL of the CMS itself, '' for none. It must not send people anywhere else."""
        if not isinstance(url, str | None):
            raise TemporarilyUnavailable(_SHAPE)
        if not url:
            return ""
        if not url.isascii() or urls.fault(url):
            raise TemporarilyUnavailable(Said(_("The CMS names what is no address.")))
        if origin_of(url) != self._settings.origin:
            said = Said(_("The CMS names an address at another site than cms_url."))
            raise TemporarilyUnavailable(said)
        return url

    def _query(self, query: str, budget: Budget, **more: Any) -> dict[str, Any] | None:
        """Return `data` of an answer without errors (GraphQL, 7.1); None for a refusal."""
        answer = self._http.post(
            self._settings.origin + self._settings.graphql_path,
            json={"query": query, "variables": {}},
            deadline=budget.next(),
            max_bytes=_LARGEST,
            **more,
        )
        if answer.status in {401, 403}:
            return None
        body = answer.json_object(_("The CMS's GraphQL"))
        if not isinstance(body.get("data"), dict) or body.get("errors"):
            raise TemporarilyUnavailable(Said(_("The CMS answered GraphQL with errors.")))
        return dict(body["data"])


def _max_age(known: CmsUrls) -> float:
    return (MAX_AGE if known.login and known.logout else SOON).total_seconds()


def _member(held: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return an object inside another; what is null or missing is empty. Raises for all else."""
    for name in path:
        found = held.get(name)
        if found is not None and not isinstance(found, dict):
            raise TemporarilyUnavailable(_SHAPE)
        held = found or {}
    return held

"""The session that is shared with the CMS: from a browser's cookies to their patron."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.errors import TemporarilyUnavailable
from accounts.http import CallFailed, Client
from accounts.provider import Authentication, Clock, TokenSet
from providers.adgangsplatformen import cookies as cms_cookies
from providers.adgangsplatformen import patrons
from providers.adgangsplatformen.client import Budget, Cms, UserToken
from providers.adgangsplatformen.cookies import CmsCookie
from providers.adgangsplatformen.settings import CmsSettings


class SharedSession:
    """Asks one CMS, and the look-ups of patrons, whose cookies a browser brings."""

    def __init__(self, settings: CmsSettings, cms: Cms, http: Client, clock: Clock) -> None:
        self._settings, self._cms, self._http, self._clock = settings, cms, http, clock

    def candidates(self, cookies: Mapping[str, str], first: str = "") -> list[CmsCookie]:
        """Return the cookies that may be the CMS's session, that of the digest `first` first."""
        mine = cms_cookies.candidates(self._settings, cookies)
        return sorted(mine, key=lambda each: each.digest != first)

    def who(self, mine: list[CmsCookie]) -> Authentication | None:
        """Return whose cookies these are, or None when the CMS knows no patron by any.

        Raises `InvalidGrant`, `AccessDenied` (not registered) or `TemporarilyUnavailable`.
        """
        budget = Budget()
        found = self.token(mine, budget)
        if found is None:
            return None
        cookie, held = found
        patron = patrons.find(self._settings, self._http, held.token, budget)
        return Authentication(
            subject=patron.subject,
            issuer=self._settings.origin,
            name=patron.name,
            tokens=TokenSet(access_token=held.token, expires_at=held.expires_at),
            expires_at=held.expires_at,
            bound_to=cookie.digest,
        )

    def token(self, mine: list[CmsCookie], budget: Budget) -> tuple[CmsCookie, UserToken] | None:
        """Return the first cookie that is a patron's, with their token; None when none is.

        One for which the CMS has nothing but an error does not hide another that works. Raises
        `TemporarilyUnavailable`.
        """
        trouble: TemporarilyUnavailable | None = None
        for cookie in mine:
            try:
                held = self._cms.user_token(cookie, budget, self._clock())
            except CallFailed:
                raise  # no answer at all: the next question would wait as long
            except TemporarilyUnavailable as error:
                trouble = error
                continue
            if held:
                return cookie, held
        if trouble:
            raise trouble
        return None

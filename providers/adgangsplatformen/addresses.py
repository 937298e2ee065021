"""The URLs of the CMS's login and logout: fetched and kept, else built of the settings' paths."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.errors import TemporarilyUnavailable
from accounts.http.address import origin_of
from accounts.upstream import urls
from accounts.upstream.last_good import LastGood
from providers.adgangsplatformen.client import CALL_SECONDS, Budget, Cms
from providers.adgangsplatformen.settings import CmsSettings

MAX_AGE = timedelta(minutes=15)
# A null is asked about again after so long.
SOON = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class CmsUrls:
    """The URLs of the CMS's login and logout; empty for one that it does not offer."""

    login: str
    logout: str


class Addresses:
    """The URLs of one CMS, with their last good copy. Thread-safe."""

    def __init__(self, settings: CmsSettings, cms: Cms) -> None:
        self._settings, self._cms = settings, cms
        self._copy: LastGood[CmsUrls] = LastGood(self._read, max_age=_max_age, kept=math.inf)

    def login(self, now: datetime) -> str:
        """Return where a sign-in starts. Raises `TemporarilyUnavailable`, also for a null."""
        found = self.urls(now).login
        if not found:
            raise TemporarilyUnavailable("The CMS offers no login by Adgangsplatformen.")
        return found

    def logout(self, now: datetime) -> str:
        """Return where a person is signed out, or '' when the CMS offers no such place."""
        return self.urls(now).logout

    def urls(self, now: datetime) -> CmsUrls:
        """Return both. Raises `TemporarilyUnavailable` when there is no copy and no answer."""
        settings = self._settings
        if not settings.asks_for_addresses:
            return CmsUrls(
                settings.built(settings.login_path, settings.after_login),
                settings.built(settings.logout_path, settings.after_logout),
            )
        return self._copy.get(self._fetch, now, wait=CALL_SECONDS)

    def fetch(self) -> CmsUrls:
        """Ask the CMS now. Raises `TemporarilyUnavailable`, also for an address elsewhere."""
        return self._read(self._fetch())

    def _fetch(self) -> dict[str, str | None]:
        return self._cms.addresses(Budget())

    def _read(self, document: dict[str, str | None]) -> CmsUrls:
        return CmsUrls(self._checked(document["login"]), self._checked(document["logout"]))

    def _checked(self, url: str | None) -> str:
        """Return a URL of the CMS itself. It must not send people anywhere else."""
        if not url:
            return ""
        if not url.isascii() or urls.fault(url):
            raise TemporarilyUnavailable("The CMS names what is no address.")
        if origin_of(url) != self._settings.origin:
            raise TemporarilyUnavailable("The CMS names an address at another site than cms_url.")
        return url


def _max_age(known: CmsUrls) -> float:
    return (MAX_AGE if known.login and known.logout else SOON).total_seconds()

"""Where the CMS's login and logout are: asked of it and kept, else built of the settings' paths."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from accounts.errors import TemporarilyUnavailable
from accounts.http.address import origin_of
from providers.adgangsplatformen.client import CALL_SECONDS, Budget, Cms
from providers.adgangsplatformen.settings import CmsSettings, is_unclear

MAX_AGE = timedelta(minutes=15)
# A null, and a failure, are asked about again after so long.
SOON = timedelta(seconds=30)
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Known:
    """What the CMS said; empty for what it does not offer."""

    login: str
    logout: str


class Addresses:
    """The two addresses of one CMS, with the last good copy kept. Thread-safe."""

    def __init__(self, settings: CmsSettings, cms: Cms) -> None:
        self._settings, self._cms = settings, cms
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._again_at: datetime | None = None

    def login(self, now: datetime) -> str:
        """Return where a sign-in starts. Raises `TemporarilyUnavailable`, also for a null."""
        found = self.known(now).login
        if not found:
            raise TemporarilyUnavailable("The CMS offers no login by Adgangsplatformen.")
        return found

    def logout(self, now: datetime) -> str:
        """Return where a person is signed out, or '' when the CMS offers no such place."""
        return self.known(now).logout

    def known(self, now: datetime) -> Known:
        """Return both. Raises `TemporarilyUnavailable` when nothing was ever learnt."""
        settings = self._settings
        if not settings.asks_for_addresses:
            return Known(
                settings.built(settings.login_path, settings.after_login),
                settings.built(settings.logout_path, settings.after_logout),
            )
        if self._known and self._again_at and now < self._again_at:
            return self._known
        # With a copy at hand one caller asks and the others go on; without one they wait for it.
        waits = CALL_SECONDS if self._known is None else 0
        if not self._lock.acquire(timeout=waits):
            return self._kept()
        try:
            if self._known is None or self._again_at is None or now >= self._again_at:
                self._learn(now)
        finally:
            self._lock.release()
        return self._kept()

    def fetch(self) -> Known:
        """Ask the CMS now. Raises `TemporarilyUnavailable`, also for an address elsewhere."""
        said = self._cms.addresses(Budget())
        return Known(*(self._judged(said[word]) for word in ("login", "logout")))

    def _learn(self, now: datetime) -> None:
        try:
            known = self.fetch()
        except TemporarilyUnavailable:
            if self._known is None:
                raise
            self._again_at = now + SOON
            return
        self._known = known
        self._again_at = now + (MAX_AGE if known.login and known.logout else SOON)

    def _kept(self) -> Known:
        if self._known is None:
            raise TemporarilyUnavailable("The CMS takes too long to say where its login is.")
        return self._known

    def _judged(self, url: str | None) -> str:
        """Return an address of the CMS itself: it must not send people anywhere else."""
        if not url:
            return ""
        if not url.isascii() or is_unclear(url) or len(url) > _LONGEST:
            raise TemporarilyUnavailable("The CMS names what is no address.")
        if origin_of(url) != self._settings.origin or "@" in urlsplit(url).netloc:
            raise TemporarilyUnavailable("The CMS names an address at another site than cms_url.")
        return url

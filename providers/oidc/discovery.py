"""The discovery document and the keys of an OpenID provider (OIDC Discovery 1.0).

All instances of a source's provider share what a process keeps. Nothing is fetched before it is
needed, so the site starts without its upstreams.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from django.utils.translation import gettext_noop as _

from accounts import serialization
from accounts.errors import Said, TemporarilyUnavailable
from accounts.http import Client
from accounts.keyring import digest
from accounts.provider import Clock
from accounts.upstream import urls
from accounts.upstream.last_good import CALL_SECONDS, LOGIN, LastGood, Registry
from providers.oidc import checks, jose
from providers.oidc.settings import ENDPOINTS, NEEDED, OidcSettings

_WELL_KNOWN = "/.well-known/openid-configuration"
_LARGEST_DOCUMENT = 256 * 1024
_LARGEST_KEYS = 512 * 1024
_MOST_LISTED = 100
# Who asks for a key. Strangers are those whose tokens arrive at a door that is open to everybody.
STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a provider: its document, and its endpoints, those of the settings first."""

    document: Mapping[str, Any] = field(repr=False)
    endpoints: Mapping[str, str]

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint, or '' when the provider has none."""
        return self.endpoints.get(name, "")

    @property
    def announces_iss(self) -> bool:
        """Whether each authorization response carries `iss` (RFC 9207, 3)."""
        return self.document.get("authorization_response_iss_parameter_supported") is True

    def supported(self, name: str) -> tuple[str, ...] | None:
        """Return what a `..._supported` member lists; None when the document does not say. What no
        page and no terminal can show is left out.
        """
        listed = self.document.get(name)
        if not isinstance(listed, list):
            return None
        return tuple(each for each in listed[:_MOST_LISTED] if checks.is_name(each))

    def shown(self) -> dict[str, Any]:
        """Return the document without the members that cannot be written again (RFC 7493, 2.1)."""
        return {name: each for name, each in self.document.items() if _can_be_written(name, each)}


class _Kept:
    """What this process keeps of one provider: its document, and the keys of one address."""

    def __init__(self, settings: OidcSettings, name: str) -> None:
        self.metadata: LastGood[Metadata] = LastGood(
            lambda document: read(settings, document), name=f"oidc:metadata:{name}"
        )
        # A document may name another address tomorrow, whose keys take the place of these.
        self.keys: Registry[LastGood[jose.KeySet]] = Registry(1)


kept: Registry[_Kept] = Registry(256)


class Upstream:
    """One provider as its source sees it. Cheap to make; all calls go through `http`."""

    def __init__(self, settings: OidcSettings, http: Client, clock: Clock) -> None:
        self._settings, self._http, self._clock = settings, http, clock
        place = f"{settings.issuer}\n{settings.discover}\n{sorted(settings.endpoints.items())}"
        self._name = digest(place)

    def metadata(self, asker: str = LOGIN) -> Metadata:
        """Return what is known of the provider. Raises `TemporarilyUnavailable`."""
        if not self._settings.discover:
            return read(self._settings, self.fetch_document())
        return self._kept().metadata.get(self.fetch_document, self._clock(), asker=_noted(asker))

    def peek(self) -> Metadata | None:
        """Return what is known of the provider without a call; None when nothing is."""
        discovers = self._settings.discover
        return self._kept().metadata.peek(self._clock()) if discovers else self.metadata()

    def probe(self, seconds: float) -> Metadata | None:
        """Ask the provider now, past all that is kept; None when it gives no usable answer."""
        try:
            if self._settings.discover and self.peek() is None:
                now = self._clock()
                return self._kept().metadata.get(lambda: self._document(seconds), now, seconds)
            if self._settings.discover:
                return read(self._settings, self._document(seconds))
            known = self.metadata()
            jose.read_keys(self._fetched(known.endpoint("jwks_uri"), _LARGEST_KEYS, seconds))
        except TemporarilyUnavailable:
            return None
        return known

    def key(
        self, kid: str | None, algorithm: str, asker: str, failed: jwt.PyJWK | None = None
    ) -> jwt.PyJWK | None:
        """Return the key that may have signed a token; None when no published one may.

        An unknown key, or one that has `failed` to verify, makes the set be fetched again, once in
        thirty seconds for each `asker`, also where that fails: strangers' tokens cannot use up what
        a login needs. Raises `UnknownKey` for a name under which nothing is published, as its
        subclass `KeyNotSought` where that was not looked up now, and `TemporarilyUnavailable`.
        """
        uri, now = self.metadata(asker).endpoint("jwks_uri"), self._clock()
        name = f"oidc:jwks:{self._name}:{digest(uri)}"
        keys = self._kept().keys.obtain(uri, lambda: LastGood(jose.read_keys, name=name))
        known = keys.get(lambda: self.fetch_keys(uri), now, asker=_noted(asker))
        found = known.find(kid, algorithm)
        if found is None or found is failed:
            newer = keys.newer(lambda: self.fetch_keys(uri), now, asker, known)
            found = newer.find(kid, algorithm) if newer else None
            if failed is None and not (newer or known).names(kid):
                unknown = jose.UnknownKey if newer else jose.KeyNotSought
                raise unknown("The token is signed by a key that is not published.")
        return found

    def fetch_document(self) -> dict[str, Any]:
        """Fetch the discovery document (OIDC Discovery, 4.1). Raises `TemporarilyUnavailable`.

        Without discovery it is what the settings say, and nobody is asked.
        """
        if not self._settings.discover:
            return {"issuer": self._settings.issuer, **self._settings.endpoints}
        return self._document(CALL_SECONDS)

    def fetch_keys(self, uri: str) -> dict[str, Any]:
        """Fetch the document with the keys. Raises `TemporarilyUnavailable`."""
        return self._fetched(uri, _LARGEST_KEYS)

    def _document(self, seconds: float) -> dict[str, Any]:
        url = self._settings.issuer.rstrip("/") + _WELL_KNOWN
        return self._fetched(url, _LARGEST_DOCUMENT, seconds)

    def _fetched(self, url: str, max_bytes: int, seconds: float = CALL_SECONDS) -> dict[str, Any]:
        answer = self._http.get(url, deadline=seconds, max_bytes=max_bytes)
        return answer.json_object(_("The provider"))

    def _kept(self) -> _Kept:
        return kept.obtain(self._name, lambda: _Kept(self._settings, self._name))


def read(settings: OidcSettings, document: Any) -> Metadata:
    """Return what a discovery document says, with the settings' endpoints in place of its own.

    Raises `TemporarilyUnavailable` for the document of another issuer (OIDC Discovery, 4.3), and
    when an endpoint is missing or must not be called.
    """
    if not isinstance(document, dict) or document.get("issuer") != settings.issuer:
        raise TemporarilyUnavailable(Said(_("The discovery document names another issuer.")))
    endpoints = {name: settings.endpoints.get(name) or document.get(name) for name in ENDPOINTS}
    for name, url in endpoints.items():
        if url is None and name not in NEEDED:
            continue
        if urls.fault(url):
            template = _("The discovery document has no usable %(name)s.")
            raise TemporarilyUnavailable(Said(template, name=name))
        if name not in settings.endpoints and urls.leads_inside(str(url), settings.issuer):
            template = _("The discovery document's %(name)s leads inside our net.")
            raise TemporarilyUnavailable(Said(template, name=name))
    return Metadata(document, {name: str(url) for name, url in endpoints.items() if url})


def _can_be_written(*values: Any) -> bool:
    try:
        return all(serialization.storable(each) is each for each in values)
    except ValueError:
        return False


def _noted(asker: str) -> str:
    """Return who may not ask again at once after a fetch that failed: nobody who signs in."""
    return "" if asker == LOGIN else asker

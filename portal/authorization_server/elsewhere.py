"""The authorization server that clients of this host are led to: ours, or an upstream's
(`VESTIBULE_DISCOVERY_SOURCE`, docs/contract.md 4).
"""

from collections.abc import Mapping
from typing import Any

import structlog

from accounts import conf
from accounts.errors import Misconfigured
from accounts.provider import Discovers
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal import conf as portal_conf

log = structlog.get_logger("vestibule.discovery")


def document() -> Mapping[str, Any] | None:
    """Return the upstream's own discovery document, or its last good copy; None where our server
    is the one. Raises `TemporarilyUnavailable` when the upstream does not answer and has no copy.
    """
    source = _source()
    if source is None:
        return None
    provider: Any = source.provider
    found: Mapping[str, Any] = provider.discovery()
    return found


def issuer() -> str:
    """Return the issuer of that server, without a call. Raises `Misconfigured`."""
    source = _source()
    return source.description.issuer if source else conf.site_url()


def takes_its_tokens() -> bool:
    """Tell whether our API takes the access tokens of that server. Raises `Misconfigured`."""
    source = _source()
    return source is None or bool(source.description.bearer)


def _source() -> ConfiguredSource | None:
    """Return the source that the setting names, None for no setting. Raises `Misconfigured` for one
    that is not enabled, or has no discovery document.
    """
    slug = portal_conf.discovery_source()
    if not slug:
        return None
    found = catalogue.find(slug)
    if found is None or not isinstance(found.provider, Discovers) or not found.description.issuer:
        log.error("discovery.misconfigured", source=slug)
        raise Misconfigured("VESTIBULE_DISCOVERY_SOURCE names no source that has a document.")
    return found

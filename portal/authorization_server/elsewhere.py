"""The authorization server that clients of this host are led to: ours, or an upstream's
(`VESTIBULE_DISCOVERY_SOURCE`, docs/contract.md 4).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.utils.translation import gettext as _

from accounts import conf
from accounts.errors import Misconfigured
from accounts.provider import Discovers, Finding
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


def examine() -> Iterator[Finding]:
    """Yield for the doctor that the setting names a source that cannot be."""
    slug = portal_conf.discovery_source()
    if slug and _named(slug) is None:
        said = _("VESTIBULE_DISCOVERY_SOURCE names %s: no enabled source that has a document.")
        fix = _("Give the slug of an enabled OpenID provider, or unset it.")
        yield Finding(False, said % slug, fix)


def _source() -> ConfiguredSource | None:
    """Return the source that the setting names, None for no setting. Raises `Misconfigured` for one
    that is not enabled, or has no discovery document.
    """
    slug = portal_conf.discovery_source()
    if not slug:
        return None
    found = _named(slug)
    if found is None:
        log.error("discovery.misconfigured", source=slug)
        raise Misconfigured("VESTIBULE_DISCOVERY_SOURCE names no source that has a document.")
    return found


def _named(slug: str) -> ConfiguredSource | None:
    """Return that source, None where it is not enabled or has no discovery document."""
    found = catalogue.find(slug)
    if found is None or not isinstance(found.provider, Discovers) or not found.description.issuer:
        return None
    return found

"""Where the CMS stands: what the environment of its process says."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from portal.configuration.addresses import origin
from portal.configuration.env import env

DEFAULT_ORIGIN = "http://localhost:8002"
GRAPHQL_USER = "go_graphql"
# No secret: it opens nothing but a stand-in on this machine.
GRAPHQL_PASSWORD = "known-to-everybody-who-reads-the-code"


def cms_origin() -> str:
    """Return the CMS's own origin: the site's host, so that the site receives its cookie."""
    name = "VESTIBULE_SANDBOX_CMS_URL"
    return origin(name, env.str(name, default=DEFAULT_ORIGIN))


def bibdk_origin() -> str:
    """Return the origin of bib.dk, which keeps a session of its own: another name of this machine.

    Over https there is none, since the certificate has one name.
    """
    parts = urlsplit(cms_origin())
    return "" if is_https() else f"http://127.0.0.1:{parts.port or 80}"


def is_https() -> bool:
    """Tell whether browsers reach the CMS by https."""
    return cms_origin().startswith("https:")


def cookie_name() -> str:
    """Return the name of the session's cookie, made as Drupal makes it (docs/threats.md 2.3)."""
    host = urlsplit(cms_origin()).hostname or ""
    prefix = "SSESS" if is_https() else "SESS"
    return prefix + hashlib.sha256(host.encode()).hexdigest()[:32]

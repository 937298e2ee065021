"""The sandbox's part in `manage.py demo`, found by the attribute `demo` of its AppConfig.

`tests.sandbox.demo` says what such a module offers; neither room imports the other.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.sandbox import conf
from tests.sandbox.clients import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.personas import CLAIMS_OF_SCOPE
from tests.sandbox.realms import OPENID

SLUG = "citizen"


def processes(port: int, site_url: str) -> list[dict[str, Any]]:
    """Return what to run beside the site on `port`: keywords of `tests.sandbox.demo.served`."""
    own = port + 1
    application = "tests.sandbox.wsgi:application"
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.settings",
        "VESTIBULE_SANDBOX_URL": origin(port),
        "VESTIBULE_SITE_URL": site_url,
        "VESTIBULE_LOG_LEVEL": "ERROR",
    }
    return [{"name": "sandbox", "application": application, "port": own, "variables": variables}]


def furnish(port: int) -> None:
    """Make the source `citizen` when it is missing; when it is there, only its address follows.

    Without the provider `oidc` there is no such source. Raises `ValidationError`.
    """
    if "oidc" not in registry.providers():
        return
    issuer = f"{origin(port)}/{OPENID.name}"
    source = Source.objects.filter(slug=SLUG).first()
    if source is None:
        source = _source()
    elif not _is_a_sandbox_elsewhere(source.settings.get("issuer"), issuer):
        return
    source.settings["issuer"] = issuer
    catalogue.save(source)


def forget() -> None:
    """Delete what the sandbox remembers: its key, sessions and grants."""
    for suffix in ("", "-journal"):
        conf.database().with_name(conf.database().name + suffix).unlink(missing_ok=True)


def banner(port: int) -> list[str]:
    """Return what the demo says of this part."""
    return [_("Identity source:   %s (trouble on demand)") % f"{origin(port)}/"]


def origin(port: int) -> str:
    """Return where the sandbox stands beside a site on `port`: under another host's name."""
    return f"http://127.0.0.1:{port + 1}"


def _source() -> Source:
    settings = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": " ".join(CLAIMS_OF_SCOPE),
        "claims": {"groups": "groups", "roles": "realm_access.roles"},
        "icon": "person",
        "help": _("Be one of five people who are made up."),
    }
    label = _("Citizen login (sandbox)")
    return Source(slug=SLUG, provider="oidc", label=label, order=10, settings=settings)


def _is_a_sandbox_elsewhere(issuer: object, wanted: str) -> bool:
    if not isinstance(issuer, str) or issuer == wanted:
        return False
    parts = urlsplit(issuer)
    return parts.hostname == "127.0.0.1" and parts.path == f"/{OPENID.name}"

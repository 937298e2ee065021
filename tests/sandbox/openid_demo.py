"""The OpenID provider's part in `manage.py demo`. `port` is always the site's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Source
from tests.sandbox import sources
from tests.sandbox.clients import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.files import demo as files_demo
from tests.sandbox.personas import CLAIMS_OF_SCOPE
from tests.sandbox.processes import Process, served
from tests.sandbox.realms import OPENID

SLUG = "citizen"


def process(port: int, site_url: str) -> Process:
    """Return the process beside the site, which serves Unilogin as well."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.settings",
        "VESTIBULE_SANDBOX_URL": origin(port),
        "VESTIBULE_SANDBOX_BACKCHANNEL": f"{site_url}/auth/backchannel/{SLUG}",
        "VESTIBULE_SANDBOX_FILES_URL": files_demo.origin(port),
        "VESTIBULE_SITE_URL": site_url,
        "VESTIBULE_LOG_LEVEL": "ERROR",
    }
    return served("sandbox", "tests.sandbox.wsgi:application", port + 1, variables)


def furnish(port: int) -> None:
    """Make the source `citizen`, or let its address follow (`sources.furnish`)."""
    settings = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": " ".join(CLAIMS_OF_SCOPE),
        "claims": {"groups": "groups", "roles": "realm_access.roles"},
        "icon": "person",
        "help": gettext_noop("Be one of five people who are made up."),
    }
    label = gettext_noop("Citizen login (sandbox)")
    source = Source(slug=SLUG, provider="oidc", label=label, order=10, settings=settings)
    sources.furnish(source, {"issuer": f"{origin(port)}/{OPENID.name}"})


def banner(port: int) -> str:
    """Return what the demo says of this part."""
    return _("Identity source:   %s (trouble on demand)") % f"{origin(port)}/"


def origin(port: int) -> str:
    """Return where the sandbox stands beside a site on `port`: under another host's name."""
    return f"http://127.0.0.1:{port + 1}"

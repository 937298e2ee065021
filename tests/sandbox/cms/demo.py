"""The CMS's part in `manage.py demo`. `port` is always the site's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Source
from tests.sandbox import sources
from tests.sandbox.cms.conf import GRAPHQL_PASSWORD, GRAPHQL_USER
from tests.sandbox.processes import Process, served

SLUG = PROVIDER = "adgangsplatformen"
# No secret: it hides the numbers of people who are made up.
SUBJECT_KEY = "known-to-everybody-who-reads-the-code"


def process(port: int, site_url: str) -> Process:
    """Return the process beside the site."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.cms.settings",
        "VESTIBULE_SANDBOX_CMS_URL": origin(port),
        "VESTIBULE_SITE_URL": site_url,
        "VESTIBULE_LOG_LEVEL": "ERROR",
    }
    return served("library", "tests.sandbox.cms.wsgi:application", port + 2, variables)


def furnish(port: int) -> None:
    """Make the source of the library, or let its addresses follow (`sources.furnish`)."""
    settings = {
        "graphql_user": GRAPHQL_USER,
        "graphql_password": GRAPHQL_PASSWORD,
        "subject_key": SUBJECT_KEY,
    }
    label = gettext_noop("Library login (sandbox)")
    source = Source(slug=SLUG, provider=PROVIDER, label=label, order=20, settings=settings)
    addresses = {
        "cms_url": origin(port),
        "userinfo_url": f"{origin(port)}/adgangsplatformen/userinfo/",
        "patron_url": f"{origin(port)}/fbs/external/agencyid/patrons/patronid/v4",
    }
    sources.furnish(source, addresses)


def banner(port: int) -> str:
    """Return what the demo says of this part."""
    return _("Library's CMS:     %s (shares its session)") % f"{origin(port)}/"


def origin(port: int) -> str:
    """Return where the CMS stands beside a site on `port`: under the same host's name."""
    return f"http://localhost:{port + 2}"

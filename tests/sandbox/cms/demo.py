"""The CMS's part in `manage.py demo`, found by the attribute `demo` of its AppConfig."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.sandbox.cms.conf import GRAPHQL_PASSWORD, GRAPHQL_USER

SLUG = PROVIDER = "adgangsplatformen"
# No secret: it hides the numbers of people who are made up.
SUBJECT_KEY = "known-to-everybody-who-reads-the-code"
_LOOK_UPS = {
    "userinfo_url": "/adgangsplatformen/userinfo/",
    "patron_url": "/fbs/external/agencyid/patrons/patronid/v4",
}


def processes(port: int, site_url: str) -> list[dict[str, Any]]:
    """Return what to run beside the site on `port`: keywords of `tests.sandbox.demo.served`."""
    own = port + 2
    application = "tests.sandbox.cms.wsgi:application"
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.cms.settings",
        "VESTIBULE_SANDBOX_CMS_URL": origin(port),
        "VESTIBULE_SITE_URL": site_url,
        "VESTIBULE_LOG_LEVEL": "ERROR",
    }
    return [{"name": "library", "application": application, "port": own, "variables": variables}]


def furnish(port: int) -> None:
    """Make the source when it is missing; when it is there, only its addresses follow the CMS's.

    Without the provider there is no such source. Raises `ValidationError`.
    """
    if PROVIDER not in registry.providers():
        return
    cms = origin(port)
    source = Source.objects.filter(slug=SLUG).first()
    if source is None:
        source = _source()
    elif not _is_a_stand_in_elsewhere(source.settings.get("cms_url"), cms):
        return
    source.settings |= {"cms_url": cms, **{name: cms + at for name, at in _LOOK_UPS.items()}}
    catalogue.save(source)


def forget() -> None:
    """Do nothing: what the CMS remembers lies in the sandbox's file, which the sandbox deletes."""


def banner(port: int) -> list[str]:
    """Return what the demo says of this part."""
    return [_("Library's CMS:     %s (shares its session)") % f"{origin(port)}/"]


def origin(port: int) -> str:
    """Return where the CMS stands beside a site on `port`: under the same host's name."""
    return f"http://localhost:{port + 2}"


def _source() -> Source:
    settings = {
        "cms_url": "",
        "graphql_user": GRAPHQL_USER,
        "graphql_password": GRAPHQL_PASSWORD,
        "subject_key": SUBJECT_KEY,
    }
    label = _("Library login (sandbox)")
    return Source(slug=SLUG, provider=PROVIDER, label=label, order=20, settings=settings)


def _is_a_stand_in_elsewhere(cms_url: object, wanted: str) -> bool:
    if not isinstance(cms_url, str) or cms_url == wanted:
        return False
    return urlsplit(cms_url).hostname == "localhost"

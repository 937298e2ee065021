"""The part of the application of files in `manage.py demo`. `port` is always the site's."""

from __future__ import annotations

from django.apps import apps
from django.utils.translation import gettext as _

from accounts.models import Source
from accounts.source import catalogue
from tests.sandbox.files.pages import OWN
from tests.sandbox.processes import Process, served

GROUP = "Caseworkers"
# What the sources call a caseworker.
_THEIRS = {"citizen": "caseworker", "work": "caseworkers"}
_HOST = "localhost"


def process(port: int, site_url: str) -> Process:
    """Return the process beside the site: a web server and the application behind it."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.files.settings",
        "VESTIBULE_SANDBOX_FILES_URL": origin(port),
        "VESTIBULE_SITE_URL": site_url,
        "VESTIBULE_LOG_LEVEL": "ERROR",
    }
    return served("files", "tests.sandbox.files.wsgi:application", port + 4, variables)


def furnish() -> None:
    """Make the rules that are missing, and let the sources say who is a caseworker."""
    cookies = [{"name": OWN}]
    signed_in = {"groups": [GROUP], "cookies": cookies, "note": "The desk is for caseworkers."}
    rules = {
        "demo-desk": {"order": 10, "path": "/desk", **signed_in},
        "demo-files": {"order": 20, "access": "public", "cookies": cookies},
    }
    known = apps.get_model("gateway", "AccessRule").objects
    for slug, columns in rules.items():
        known.get_or_create(slug=slug, defaults={"host": _HOST, **columns})
    for row in Source.objects.filter(slug__in=_THEIRS, groups={}):
        row.groups = {_THEIRS[row.slug]: GROUP}
        catalogue.save(row)


def banner(port: int) -> str:
    """Return what the demo says of this part."""
    return _("Files:             %s (the desk is for caseworkers)") % f"{origin(port)}/"


def origin(port: int) -> str:
    """Return where the application stands beside a site on `port`: under the same host's name."""
    return f"http://localhost:{port + 4}"

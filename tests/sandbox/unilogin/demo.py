"""The part of Unilogin in `manage.py demo`. Its process is the sandbox's own.

`tests.sandbox.demo` says what such a module offers; neither room imports the other.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.sandbox.openid_demo import origin
from tests.sandbox.unilogin import schools
from tests.sandbox.unilogin.broker import BROKER, CLIENT_ID, CLIENT_SECRET

SLUG = "unilogin"
SERVICE = "wsiinst-v5/ws"


def processes(port: int, site_url: str) -> list[dict[str, Any]]:
    """Return nothing: the sandbox's process serves it too."""
    return []


def furnish(port: int) -> None:
    """Make the source `unilogin` when it is missing; when it is there, only its addresses follow.

    Without the provider `unilogin` there is no such source. Raises `ValidationError`.
    """
    if "unilogin" not in registry.providers():
        return
    at = {"issuer": f"{origin(port)}/{BROKER.name}", "ws_address": f"{origin(port)}/{SERVICE}"}
    source = Source.objects.filter(slug=SLUG).first()
    if source is None:
        source = _source()
    elif not _is_a_sandbox_elsewhere(source.settings.get("issuer"), at["issuer"]):
        return
    source.settings.update(at)
    catalogue.save(source)


def forget() -> None:
    """Do nothing: what there is, the sandbox forgets."""


def banner(port: int) -> list[str]:
    """Return what the demo says of this part."""
    return [_("Unilogin:          %s (schools and their trouble)") % f"{origin(port)}/unilogin/"]


def _source() -> Source:
    settings = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "municipalities": [schools.HOME],
        "ws_user": schools.WS_USER,
        "ws_password": schools.WS_PASSWORD,
        "help": _("Be a pupil or a teacher who is made up."),
    }
    return Source(
        slug=SLUG,
        provider="unilogin",
        label=_("Unilogin (sandbox)"),
        order=20,
        settings=settings,
    )


def _is_a_sandbox_elsewhere(issuer: object, wanted: str) -> bool:
    if not isinstance(issuer, str) or issuer == wanted:
        return False
    parts = urlsplit(issuer)
    return parts.hostname == "127.0.0.1" and parts.path == f"/{BROKER.name}"

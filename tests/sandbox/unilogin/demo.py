"""Unilogin's part in `manage.py demo`: its process is the OpenID provider's, `port` the site's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Source
from tests.sandbox import sources
from tests.sandbox.openid_demo import origin
from tests.sandbox.unilogin import schools
from tests.sandbox.unilogin.broker import BROKER, CLIENT_ID, CLIENT_SECRET

SLUG = "unilogin"
SERVICE = "wsiinst-v5/ws"


def furnish(port: int) -> None:
    """Make the source `unilogin`, or let its addresses follow (`sources.furnish`)."""
    settings = {
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "municipalities": [schools.HOME],
        "ws_user": schools.WS_USER,
        "ws_password": schools.WS_PASSWORD,
        "help": gettext_noop("Be a pupil or a teacher who is made up."),
    }
    label = gettext_noop("Unilogin (sandbox)")
    source = Source(slug=SLUG, provider="unilogin", label=label, order=20, settings=settings)
    at = {"issuer": f"{origin(port)}/{BROKER.name}", "ws_address": f"{origin(port)}/{SERVICE}"}
    sources.furnish(source, at)


def banner(port: int) -> str:
    """Return what the demo says of this part."""
    return _("Unilogin:          %s (schools and their trouble)") % f"{origin(port)}/unilogin/"

"""Trouble on demand, for Unilogin's two halves.

The broker shares the switch of the sandbox's front page, the institution service has its own.
"""

from __future__ import annotations

import time
from functools import wraps

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from portal.sandbox import trouble
from portal.sandbox.answers import View
from portal.sandbox.realms import Realm
from portal.sandbox.trouble import DOWN, NORMAL, REFUSES, SLOW, Trouble

FAULT, HTML, BOMB, OTHER, HUGE = "fault", "html", "bomb", "other", "huge"
KINDS = (
    Trouble(NORMAL, _("Normal"), _("Everything works.")),
    Trouble(SLOW, _("Slow"), _("Each call of the site is answered after eight seconds.")),
    Trouble(DOWN, _("Down"), _("Each request is answered by an error.")),
    Trouble(REFUSES, _("Refuses"), _("The site's user name and password are not taken.")),
    Trouble(FAULT, _("Fault"), _("Each call is answered by a fault.")),
    Trouble(HTML, _("Web page"), _("A page for people is answered instead of a message.")),
    Trouble(BOMB, _("Bomb"), _("The answer grows without end in whoever unpacks it.")),
    Trouble(OTHER, _("Another school"), _("Another institution is answered than was asked for.")),
    Trouble(HUGE, _("Huge"), _("The answer is of a megabyte.")),
)
_current = {"kind": NORMAL}


def current() -> str:
    """Return the name of the institution service's trouble of the moment."""
    return _current["kind"]


def choose(name: str) -> bool:
    """Switch to the trouble of that name. Returns whether there is one."""
    if name not in {kind.name for kind in KINDS}:
        return False
    _current["kind"] = name
    return True


def for_servers(view: View) -> View:
    """Make an endpoint that the site calls slow or dead, as the sandbox's front page says."""

    @wraps(view)
    def troubled(request: HttpRequest, realm: Realm) -> HttpResponseBase:
        if trouble.is_on(DOWN):
            return JsonResponse({"error": "temporarily_unavailable"}, status=503)
        if trouble.is_on(SLOW):
            time.sleep(trouble.SLOW_SECONDS)
        return view(request, realm)

    return troubled


def for_people(view: View) -> View:
    """Make a page dead, as the sandbox's front page says."""

    @wraps(view)
    def troubled(request: HttpRequest, realm: Realm) -> HttpResponseBase:
        if trouble.is_on(DOWN):
            return render(request, "sandbox/down.html", status=503)
        return view(request, realm)

    return troubled

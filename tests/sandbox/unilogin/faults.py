"""Fault injection for Unilogin's two halves.

The broker shares the switch of the sandbox's front page, the institution service has its own.
"""

from __future__ import annotations

import time
from functools import wraps

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from tests.sandbox.answers import View
from tests.sandbox.faults import COMMON, DOWN, REFUSES, SLOW, SLOW_SECONDS, Fault, Switch
from tests.sandbox.faults import switch as broker
from tests.sandbox.realms import Realm

SOAP_FAULT, HTML, BOMB, OTHER, HUGE = "fault", "html", "bomb", "other", "huge"
switch = Switch(
    *COMMON,
    Fault(REFUSES, _("Refuses"), _("The site's user name and password are not taken.")),
    Fault(SOAP_FAULT, _("Fault"), _("Each call is answered by a fault.")),
    Fault(HTML, _("Web page"), _("A page for people is answered instead of a message.")),
    Fault(BOMB, _("Bomb"), _("The answer grows without end in whoever unpacks it.")),
    Fault(OTHER, _("Another school"), _("Another institution is answered than was asked for.")),
    Fault(HUGE, _("Huge"), _("The answer is of a megabyte.")),
)


def for_servers(view: View) -> View:
    """Make an endpoint that the site calls slow or dead, as the sandbox's front page says."""

    @wraps(view)
    def faulty(request: HttpRequest, realm: Realm) -> HttpResponseBase:
        if broker.is_on(DOWN):
            return JsonResponse({"error": "temporarily_unavailable"}, status=503)
        if broker.is_on(SLOW):
            time.sleep(SLOW_SECONDS)
        return view(request, realm)

    return faulty


def for_people(view: View) -> View:
    """Make a page dead, as the sandbox's front page says."""

    @wraps(view)
    def faulty(request: HttpRequest, realm: Realm) -> HttpResponseBase:
        if broker.is_on(DOWN):
            return render(request, "sandbox/down.html", status=503)
        return view(request, realm)

    return faulty

"""Fault injection: how an identity source behaves on a bad day, chosen on its front page.

The page calls it *trouble on demand*. A fault lasts until somebody chooses another or the sandbox
starts anew: nobody should meet yesterday's and look for a defect.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tests.sandbox.realms import REALMS

NORMAL, SLOW, DOWN = "normal", "slow", "down"
WRONG_KEY, WRONG_ISSUER, REFUSES = "wrong-key", "wrong-issuer", "refuses"
SLOW_SECONDS = 8  # longer than the site waits for any answer (5 s)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to behave: `name` is its word in forms, the others are for people."""

    name: str
    label: Promise
    help: Promise


class Switch:
    """Which of several ways to behave is on; the first is, to begin with."""

    def __init__(self, *kinds: Fault) -> None:
        self.kinds = kinds
        self.current = kinds[0].name

    def is_on(self, name: str) -> bool:
        """Tell whether this is the fault of the moment."""
        return self.current == name

    def choose(self, name: str) -> bool:
        """Switch to the fault of that name. Returns whether there is one."""
        known = name in {kind.name for kind in self.kinds}
        self.current = name if known else self.current
        return known


# Any part of the sandbox can be in these.
COMMON = (
    Fault(NORMAL, _("Normal"), _("Everything works.")),
    Fault(SLOW, _("Slow"), _("Each call of the site is answered after eight seconds.")),
    Fault(DOWN, _("Down"), _("Each request is answered by an error.")),
)
switch = Switch(
    *COMMON,
    Fault(WRONG_KEY, _("Wrong key"), _("Tokens are signed with a key that is not published.")),
    Fault(WRONG_ISSUER, _("Wrong issuer"), _("Answers name somebody else as their author.")),
    Fault(REFUSES, _("Refuses"), _("Nobody is let in, and no token is renewed.")),
)


class FaultMiddleware:
    """Makes the addresses of the realms slow or dead; the switches themselves always answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, late or not at all as the fault of the moment says."""
        realm, _slash, rest = request.path.lstrip("/").partition("/")
        is_page = rest.startswith(("authorize", "end_session"))
        if realm in REALMS and switch.is_on(DOWN):
            if is_page:
                return render(request, "sandbox/down.html", status=503)
            return JsonResponse({"error": "temporarily_unavailable"}, status=503)
        if realm in REALMS and switch.is_on(SLOW) and not is_page:
            time.sleep(SLOW_SECONDS)
        return self.get_response(request)

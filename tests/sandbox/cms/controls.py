"""Fault injection, and what the CMS was asked: for people on its front page, for tests as JSON.

A fault lasts until somebody chooses another or the CMS starts anew.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tests.sandbox.answers import SeeOther
from tests.sandbox.faults import COMMON, DOWN, NORMAL, SLOW, Fault

NO_TOKEN, NO_LOGIN = "no-token", "no-login"
# What only tests ask for.
ERRORS, HTML, HUGE, SHAPELESS = "errors", "html", "huge", "shapeless"
NO_PATRONS, ELSEWHERE, OLD_SHAPE = "no-patrons", "elsewhere", "old-shape"
NO_PERSON, LOCKED_OUT = "no-person", "locked-out"

KINDS = (
    *COMMON,
    Fault(NO_TOKEN, _("No token"), _("The CMS has lost the tokens of its patrons.")),
    Fault(NO_LOGIN, _("No login"), _("The CMS offers no login by Adgangsplatformen.")),
)
NAMES = {
    *(kind.name for kind in KINDS),
    *(ERRORS, HTML, HUGE, SHAPELESS, OLD_SHAPE, NO_PATRONS, ELSEWHERE, NO_PERSON, LOCKED_OUT),
}
TOKEN_SECONDS = 30 * 86400
SLOW_SECONDS = 8.0
_ALWAYS = ("/trouble", "/controls", "/healthz", "/i18n/", "/static/")
_FOR_SERVERS = ("/graphql", "/adgangsplatformen/", "/fbs/")
_defaults: dict[str, Any] = {
    "trouble": NORMAL,
    "token_seconds": TOKEN_SECONDS,
}
_now = dict(_defaults)
_calls: list[Counter[str]] = [Counter()]
# A slow request that ends when the next counting has begun still belongs to the one before.
_of_request = threading.local()


def current() -> str:
    """Return the name of the fault of the moment."""
    return str(_now["trouble"])


def is_on(name: str) -> bool:
    """Tell whether this is the fault of the moment."""
    return current() == name


def token_seconds() -> int:
    """Return how long a token lives that is issued now."""
    return int(_now["token_seconds"])


def count(what: str) -> None:
    """Count that the CMS was asked for something."""
    _of_request.calls[what] += 1


@require_POST
def choose_fault(request: HttpRequest) -> HttpResponseBase:
    """Switch to the fault that a person chose."""
    name = request.POST.get("trouble", "")
    if name not in {kind.name for kind in KINDS}:
        return HttpResponse(status=400)
    _now["trouble"] = name
    return SeeOther("/")


@csrf_exempt  # JSON, which no form of another site can post; and nothing here is worth an attack
@require_http_methods(["GET", "POST"])
def controls(request: HttpRequest) -> HttpResponseBase:
    """Show what was asked; a POST of JSON begins anew, with what it names."""
    if request.method == "POST":
        if request.content_type != "application/json":
            return HttpResponse(status=415)
        wanted = json.loads(request.body)
        if not set(wanted) <= set(_defaults) or wanted.get("trouble", NORMAL) not in NAMES:
            return HttpResponse(status=400)
        _now.update({**_defaults, **wanted})
        _calls[:] = [Counter()]
    return JsonResponse({**_now, "calls": dict(_calls[0])})


@require_safe
def alive(request: HttpRequest) -> HttpResponseBase:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


class ControlsMiddleware:
    """Makes the CMS slow or dead; the switches themselves always answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, late or not at all as the fault of the moment says."""
        path, _of_request.calls = request.path, _calls[0]
        for_servers = path.startswith(_FOR_SERVERS)
        if path != "/" and not path.startswith(_ALWAYS):
            count(path)
            if is_on(DOWN):
                return render(request, "cms/down.html", status=503)
            if is_on(SLOW) and for_servers:
                time.sleep(SLOW_SECONDS)
        return self.get_response(request)

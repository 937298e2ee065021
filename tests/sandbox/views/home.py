"""The sandbox's front page: who is signed in here, and what goes wrong today."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tests.sandbox import backchannel, conf, faults, sessions
from tests.sandbox.answers import SeeOther
from tests.sandbox.files.conf import files_origin
from tests.sandbox.realms import REALMS, Realm


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """Show both."""
    present = [
        {"realm": realm, "person": realm.persona(session.subject)}
        for realm in REALMS.values()
        if (session := sessions.of(request, realm))
    ]
    context = {
        "present": present,
        "kinds": faults.switch.kinds,
        "current": faults.switch.current,
        "site": conf.site_origin(),
        "files": files_origin(),
    }
    return render(request, "sandbox/home.html", context)


@require_POST
def choose_fault(request: HttpRequest) -> HttpResponseBase:
    """Switch to the chosen fault."""
    if not faults.switch.choose(request.POST.get("trouble", "")):
        return HttpResponse(status=400)
    return SeeOther("/")


@require_POST
def leave(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """End the session here, as when a person leaves at the identity source itself."""
    session = sessions.of(request, realm)
    if session is not None:
        backchannel.end_session(realm, session.sid)
    response = SeeOther("/")
    sessions.forget(response, realm)
    return response


@require_safe
def alive(request: HttpRequest) -> HttpResponseBase:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")

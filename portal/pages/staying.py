"""The end of a session, as its pages tell it: how long it still lasts, how to stay, and where one
lands at a shared computer (docs/shared-computers.md).
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import time_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_safe

from accounts.middleware import no_use
from portal.door import answers, cookies, incoming, leaving, routes, shared

# A page goes so many seconds before its session ends, so that it can still be left upstream.
_EARLY = 5
# A page that goes too early, such as one that was open twice, ends nothing.
_ABOUT_TO_END = timedelta(seconds=20)
_WHO = "vestibule-who"


def ends_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a page says of the end of its session: `at`, when that is, `left` in seconds, and
    `who`, by which a script sees that somebody else is signed in meanwhile, and nobody sees who.
    Nothing for nobody.
    """
    session = incoming.session_of(request)
    if not session.is_logged_in or session.expires_at is None:
        return {}
    left = int((session.expires_at - timezone.now()).total_seconds()) - _EARLY
    who = salted_hmac(_WHO, str(incoming.person_id(request))).hexdigest()[:16]
    return {"at": session.expires_at, "left": max(0, left), "who": who}


@require_safe
def stay(request: HttpRequest) -> HttpResponse:
    """Stay signed in: that the page was asked for is the use that prolongs a session. A script gets
    the new end, and the token that forms of older pages need; a person without one, a page.
    """
    if request.accepts("text/html"):
        return answers.page(request, "account/stay.html")
    return _said(request)


@login_not_required
@no_use
@require_safe
def ends(request: HttpRequest) -> HttpResponse:
    """Tell a script how long the session still lasts. It is no use of it."""
    return _said(request)


@login_not_required
@no_use
@require_safe
def idle(request: HttpRequest) -> HttpResponse:
    """Leave a shared computer at which nobody has done anything; where somebody has in another
    window, say so.
    """
    session = incoming.session_of(request)
    if not session.is_logged_in:
        return answers.see_other(routes.ENDED)
    about_to_end = session.expires_at and session.expires_at - timezone.now() < _ABOUT_TO_END
    if session.shared and about_to_end:
        return leaving.leave_at_least_here(request)
    return answers.page(request, "account/stay.html")


@login_not_required
@no_use
@require_safe
def ended(request: HttpRequest) -> HttpResponse:
    """Show who left a shared computer that it is so, and nothing of who it was."""
    if incoming.session_of(request).is_logged_in:
        return answers.see_other("/")
    receipt = leaving.open_receipt(request)
    response = answers.page(request, "logout/ended.html", {"receipt": receipt})
    shared.mark(request)
    kept = (cookies.LEFT, cookies.AGAIN) if receipt else (cookies.LEFT,)
    shared.sweep(request, response, keep=frozenset(cookies.named(name) for name in kept))
    return response


def _said(request: HttpRequest) -> HttpResponse:
    told = ends_of(request)
    at = time_format(localtime(told["at"]), "TIME_FORMAT") if told else ""
    body = {"left": told.get("left"), "at": at, "who": told.get("who", "")}
    headers = {"Cache-Control": "no-store", "X-CSRFToken": get_token(request)}
    return JsonResponse(body, headers=headers)

"""MapStore's way in: that of every browser, with a token pair handed over at its end."""

from contextlib import suppress

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.errors import LoginRequired, ProtocolError
from accounts.middleware import leaves_by
from accounts.models import User
from accounts.session.typed import Session
from accounts.source.catalogue import ConfiguredSource
from portal.door import (
    anew,
    answers,
    concluding,
    incoming,
    leaving,
    onward,
    recognising,
    routes,
    signing_in,
    wishes,
)
from portal.door.destinations import safe_destination
from portal.pages.login import (
    after_switch,
    ask_to_switch,
    is_strong_enough,
    nothing_yet,
    take_answer,
    wants_proof,
)
from portal.tokens import handover


@login_not_required
@require_http_methods(["GET", "POST"])
@leaves_by(lambda request: request.method == "POST")
def login(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a sign-in whose end hands a token pair over. Whoever is in already has it at once, but
    for a fresh or a stronger proof; whoever is in by another source is asked first.
    """
    source = incoming.source_or_404(slug)
    if source.kind != "redirect":
        return answers.see_other(_form_of(request, slug))
    if nothing := nothing_yet(request):
        return nothing
    wanted = safe_destination(request.GET.get("next"))
    session, again = incoming.session_of(request), wants_proof(request)
    if anew.is_pressed(request, session, source):
        return anew.leave_first(request, source, wanted)
    if request.method == "POST":
        return leaving.leave(request, after_switch(request, slug, wanted, routes.OPENID))
    if session.is_logged_in and (session.source != slug or request.GET.get("switch")):
        return ask_to_switch(request, source, session, wanted, routes.OPENID)
    next_url = wanted or source.row.after_login or "/"
    if session.is_logged_in and not again:
        landing = concluding.landing(source, session, next_url)
        return _handed_over(onward.led_on(request, landing), session)
    if session.is_logged_in and source.description.unsolicited:
        return anew.page(request, source, wanted, wishes.demanded(request, None))
    then = _back_here(source, wanted) or next_url
    try:
        known = recognising.recognised_at(request, source)
        if known and is_strong_enough(source, known, wishes.demanded(request, None)):
            recognising.tell_recognised(request, source)
            return recognising.conclude_recognised(request, source, known, then)
        away = anew.leave_at_last(request, source, wanted, again=again)
        return away or signing_in.begin(request, source, then, again=again)
    except ProtocolError as error:
        return answers.fail(request, error, slug, next_url=wanted)


@login_not_required
@csrf_exempt  # an upstream's answer carries a state instead
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the upstream's answer, and hand the new session over to the page that follows."""
    source = incoming.source_or_404(slug)
    before = incoming.session_of(request).uid
    response = take_answer(request, source)
    session = incoming.session_of(request)
    if session.is_logged_in and session.uid != before:
        with suppress(LoginRequired):  # somebody has just ended it: the page that follows says so
            return _handed_over(response, session)
    return response


def _form_of(request: HttpRequest, slug: str) -> str:
    """Return the path of the form of a source that has one: it hands nothing over."""
    along = {
        "next": safe_destination(request.GET.get("next")),
        "again": "1" if request.GET.get("again") else "",
        **wishes.carried(request),
    }
    return routes.login_path(slug, **along)


def _handed_over(response: HttpResponse, session: Session) -> HttpResponse:
    if session.status == User.Status.ACTIVE:
        handover.offer(response, session)
    return response


def _back_here(source: ConfiguredSource, wanted: str) -> str:
    """Return where a sign-in by an upstream goes on that has one fixed way back, or knows people by
    a cookie that it shares: here, signed in.
    """
    if not source.description.unsolicited:
        return ""
    return routes.login_path(source.slug, routes.OPENID, next=wanted)

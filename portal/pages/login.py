"""The way in: the choice of sources, the start, the form, and the upstream's answer."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts import errors, strength
from accounts.errors import InvalidRequest, ProtocolError
from accounts.login import flow, sign_in
from accounts.middleware import leaves_by
from accounts.models import Event, Source
from accounts.provider import Authentication
from accounts.session.typed import Session
from accounts.source import catalogue, outage
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import Strength
from portal import conf
from portal.door import (
    anew,
    answers,
    circles,
    concluding,
    cookies,
    forms,
    incoming,
    leaving,
    posted,
    proving,
    recognising,
    routes,
    shared,
    signing_in,
    wishes,
)
from portal.door.destinations import place_of, safe_destination
from portal.pages import problems

_BUSY_SECONDS = 5


@login_not_required
@require_safe
def choose(request: HttpRequest) -> HttpResponse:
    """Show the choice of sources, or go straight to the only one."""
    session, next_url = incoming.session_of(request), safe_destination(request.GET.get("next"))
    wanted = bool(request.GET.get("choose"))
    demand = wishes.demanded(request, None)
    is_weak = not strength.has(session, demand)
    if session.is_logged_in and (request.GET.get("again") or (is_weak and not wanted)):
        return proving.ask_again(session, next_url, demand)
    if session.is_logged_in and not wanted:
        place = concluding.landing(None, session, next_url)
        return circles.broken(request, session, place) or answers.see_other(place)
    told = incoming.cut_off(request)
    known = recognising.recognised(request) if not (wanted or told) else None
    known = known if known and is_strong_enough(*known, demand) else None
    if known and next_url:  # on the way to a protected page: no click is needed
        return nothing_yet(request) or _continue_as(request, *known, next_url)
    ready = list(catalogue.enabled())
    straight = _straight_to(ready) if not wanted and not told else None
    left, wished = bool(cookies.recall(request, cookies.LEFT)), wishes.of(request)
    if straight and not left:
        many = {shared.NAME: "1" if shared.counts(request, asked=False) else ""}
        path = routes.login_path(straight.slug, next=next_url, **wished, **many)
        return answers.see_other(path)
    last = _used_last(request)
    is_reset = request.GET.get("done") == "password"
    # The source that was used last is first; after a reset the one that takes the new password.
    ready.sort(key=lambda each: each.slug != (Source.LOCAL if is_reset else last))
    context = {**_choice(ready, next_url, wished, last), "bound_for": place_of(next_url)}
    context["form_first"] = bool(ready) and ready[0].kind == "form" and ready[0].slug == last
    context["shared_computer"] = shared.box(request)
    context["announcements"] = answers.announcements()
    if is_reset:
        context["notice"] = "password"
    elif straight and left:
        context["notice"] = "left"
    elif told:
        context["why"] = told
    if known:
        context["buttons"].insert(0, _continue_button(known[0], next_url, wished))
    page = answers.page(request, "login/choose.html", context)
    leaving.drop_word(request, page)
    return page


def is_strong_enough(
    source: ConfiguredSource, known: Authentication, demand: Strength | None
) -> bool:
    """Tell whether somebody whom a source knows by a cookie has proved it as strongly as needed."""
    return strength.reaches(source, known.acr, known.amr, demand)


def nothing_yet(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a browser that fetches a page ahead: nobody has clicked."""
    if "prefetch" not in request.headers.get("Sec-Purpose", ""):
        return None
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


def _continue_as(
    request: HttpRequest, source: ConfiguredSource, outcome: Authentication, next_url: str
) -> HttpResponse:
    try:
        return recognising.conclude_recognised(request, source, outcome, next_url)
    except ProtocolError as error:
        return answers.fail(request, error, source.slug, next_url=next_url)


def _continue_button(
    source: ConfiguredSource, next_url: str, wished: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "label": _("Continue as patron of %(library)s") % {"library": source.label},
        "help": _("You are signed in there already."),
        "icon": source.description.icon,
        "url": routes.login_path(source.slug, next=next_url, **wished),
        "shared_url": routes.login_path(source.slug, next=next_url, **wished, shared="1"),
        "trouble": None,
    }


def _used_last(request: HttpRequest) -> str:
    """Return the slug of the source by which somebody has signed in in this browser last, nothing
    at a shared computer.
    """
    found = "" if shared.is_marked(request) else cookies.recall(request, cookies.SOURCE)
    return found if isinstance(found, str) else ""


def _straight_to(ready: list[ConfiguredSource]) -> ConfiguredSource | None:
    """Return the source to go to without a choice: the default, or the only one, redirecting."""
    default = conf.default_source()
    if default:
        return next((each for each in ready if each.slug == default), None)
    only = ready[0] if len(ready) == 1 else None
    return only if only and only.kind == "redirect" else None


def _choice(
    ready: list[ConfiguredSource], next_url: str, wished: Mapping[str, str], last: str
) -> dict[str, Any]:
    hint = wished.get("login_hint", "")
    with_form = [each for each in ready if each.kind == "form"]
    inline = with_form[:1]
    troubled = outage.of_providers({each.slug: each.provider for each in ready})

    def trouble(each: ConfiguredSource) -> dict[str, str] | None:
        return {"note": each.note} if each.slug in troubled else None

    return {
        "buttons": [
            {
                "label": each.label,
                "help": each.help,
                "icon": each.description.icon,
                "logo": each.row.logo,
                "url": routes.login_path(each.slug, next=next_url, **wished),
                "shared_url": routes.login_path(each.slug, next=next_url, **wished, shared="1"),
                "trouble": trouble(each),
                "last": each.slug == last,
            }
            for each in ready
            if each not in inline
        ],
        "forms": [
            {**forms.context_of(each, next_url, name=hint, wished=wished), "trouble": trouble(each)}
            for each in inline
        ],
    }


@login_not_required
@require_http_methods(["GET", "POST"])
@leaves_by(lambda request: "switch" in request.POST)
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a sign-in: the way upstream, or the form; or ask whether to switch."""
    source = incoming.source_or_404(slug)
    if nothing := nothing_yet(request):
        return nothing
    next_url = safe_destination(request.GET.get("next") or request.POST.get("next"))
    session = incoming.session_of(request)
    if request.method == "POST" and "switch" in request.POST:
        return leaving.leave(request, after_switch(request, slug, next_url))
    if anew.is_pressed(request, session, source):
        return anew.leave_first(request, source, next_url)
    again = wants_proof(request)
    posted = request.method == "POST" and source.kind == "form"
    linking = posted and forms.wishes_to_link(request, source)
    if session.is_logged_in and not linking:
        held_up = _held_up(request, source, next_url, again=again, posted=posted)
        if held_up:
            return held_up
    try:
        if posted:
            return _submit(request, source, next_url)
        known = recognising.recognised_at(request, source)
        if known and is_strong_enough(source, known, wishes.demanded(request, None)):
            recognising.tell_recognised(request, source)
            return _continue_as(request, source, known, next_url)
        away = anew.leave_at_last(request, source, next_url, again=again)
        return away or signing_in.begin(request, source, next_url, again=again)
    except ProtocolError as error:
        return answers.fail(request, error, slug, next_url=next_url, linking=linking)


def wants_proof(request: HttpRequest) -> bool:
    """Tell whether a start asks who is signed in to prove it once more: it says so, or the session
    is weaker than it demands.
    """
    session, demand = incoming.session_of(request), wishes.demanded(request, None)
    is_weak = session.is_logged_in and not strength.has(session, demand)
    return bool(request.GET.get("again")) or is_weak


def _held_up(
    request: HttpRequest, source: ConfiguredSource, next_url: str, *, again: bool, posted: bool
) -> HttpResponse | None:
    """Return what stands in the way of a sign-in of somebody who is signed in."""
    session = incoming.session_of(request)
    if session.source != source.slug or request.GET.get("switch"):
        return ask_to_switch(request, source, session, next_url)
    if not again and not posted:
        return answers.see_other(concluding.landing(source, session, next_url))
    told_why = bool(request.GET.get("why")) or source.description.unsolicited
    if again and told_why and source.kind == "redirect":
        return anew.page(request, source, next_url, wishes.demanded(request, None))
    return None


def ask_to_switch(
    request: HttpRequest,
    source: ConfiguredSource,
    session: Session,
    next_url: str,
    prefix: str = routes.AUTH,
) -> HttpResponse:
    """Return the page that asks whether `session` should end for a sign-in by `source`."""
    current = catalogue.of_session(session.source)
    context = {
        "current_label": current.label if current else session.source,
        "label": source.label,
        "action": routes.login_path(source.slug, prefix, next=next_url, **wishes.carried(request)),
        "stay": next_url or "/",
    }
    if request.method == "POST":
        context["page_address"] = context["action"]
    return answers.page(request, "login/switch.html", context)


def after_switch(request: HttpRequest, slug: str, next_url: str, prefix: str = routes.AUTH) -> str:
    """Return where a sign-in by the source `slug` starts when the session that is in the way has
    ended: with all that was wished, and at a shared computer still.
    """
    along = wishes.carried(request)
    if incoming.session_of(request).shared:
        along[shared.NAME] = "1"
    return routes.login_path(slug, prefix, next=next_url, **along)


def _submit(request: HttpRequest, source: ConfiguredSource, next_url: str) -> HttpResponse:
    """Take a posted form. What is wrong with it is said on the same form."""
    link_uid = forms.linking_session(request, source)
    try:
        outcome = forms.verify(request, source)
        typed = forms.identifier_of(request, source)
        return concluding.conclude(
            request, source, outcome, next_url, link_uid=link_uid, typed=typed
        )
    except ProtocolError as error:
        code = answers.record_failure(request, error, source.slug)
        names = {field.name for field in source.form.prompt().fields}
        problem = problems.explain(
            error.reason,
            code,
            form=True,
            source=source,
            detail=error.description,
            asks_for_password="password" in names,
        )
        link = request.POST[forms.LINK] if link_uid else ""
        again = incoming.session_of(request).is_logged_in and not link
        response = forms.page(request, source, next_url, link, problem, error.status, again=again)
        return answers.with_retry_after(response, error)


@login_not_required
@csrf_exempt
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the upstream's answer. A cross-site POST decides nothing: it comes back as our GET."""
    return take_answer(request, incoming.callback_source(request, slug))


def take_answer(request: HttpRequest, source: ConfiguredSource) -> HttpResponse:
    """Return what becomes of an upstream's answer at the path of the request, by GET or POST. One
    of which nothing came, since the database failed, may come again.
    """
    if request.method == "POST":
        if not source.description.form_post:
            return HttpResponseNotAllowed(["GET"])
        return posted.come_back_by_get(request, source.slug)
    answer = posted.answer_of(request)
    try:
        values = incoming.single_values(request.GET if answer is None else answer)
        response = signing_in.finish(request, source, values)
    except InvalidRequest as error:
        response = answers.fail(request, error, source.slug, cost=0)
    except DatabaseError:
        flow.release(values.get("state") or cookies.marker(request, source))
        raise
    if answer is not None and response.get("Location") != request.get_full_path():
        posted.forget(request, response)
    return response


@login_not_required
@require_safe
def failed(request: HttpRequest, code: str) -> HttpResponse:
    """Say in a plain sentence why a sign-in failed, what to do next, and the support code. Whoever
    was to add a way in, or is signed in by another, is led back to the account: to try again here
    would be to sign in by it, as somebody new.
    """
    event = Event.objects.filter(support_code=code, name="login.failed").first()
    if event is None:
        raise Http404
    next_url = safe_destination(request.GET.get("next"))
    known = catalogue.find(event.source)
    detail = event.detail.partition(": ")[2]
    refused = event.reason in errors.REFUSALS and known is not None and known.kind == "redirect"
    by = routes.OPENID if request.GET.get("by") == routes.OPENID else routes.AUTH
    along = wishes.carried(request)
    more = {"other": "1"} if refused else {"again": "1"} if event.reason == errors.TOO_WEAK else {}
    onward = {"next": next_url, **along}
    session, linking = incoming.session_of(request), answers.LINKING in request.GET
    is_in_otherwise = session.is_logged_in and session.source != event.source
    context: Mapping[str, Any] = {
        "problem": problems.explain(
            event.reason, code, source=known, detail=detail, linking=linking
        ),
        "back": linking or detail == sign_in.BELONGS_ELSEWHERE or is_in_otherwise,
        "retry": routes.login_path(known.slug, by, **onward, **more) if known else "",
        "refused": refused,
        "choose": routes.choose_url(next_url, **along),
    }
    status = problems.status_of(event.reason)
    response = answers.page(request, "login/failed.html", context, status)
    if event.reason == errors.BUSY:
        response["Retry-After"] = str(_BUSY_SECONDS)
    return response

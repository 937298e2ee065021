"""The way of a login: begin, and the upstream's answer (docs/architecture.md)."""

from collections.abc import Mapping
from contextlib import nullcontext

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from accounts.errors import Busy, InvalidRequest, Misconfigured, ProtocolError, TooManyRequests
from accounts.login import flow, lockout, sign_in
from accounts.logout import chart
from accounts.provider import Authentication, Cookies, LoginFlow
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream.urls import can_be_visited
from portal.door import (
    answers,
    asking,
    concluding,
    cookies,
    flows,
    forms,
    incoming,
    recognising,
    routes,
    shared,
    somebody_else,
    steps,
    wishes,
)
from portal.server.turns import LATE


def begin(
    request: HttpRequest,
    source: ConfiguredSource,
    next_url: str,
    link_uid: str = "",
    *,
    again: bool = False,
) -> HttpResponse:
    """Start a login, or the linking of another way in: the way upstream, or the form.

    After a refusal the upstream is asked for somebody else: it would send the same person back.
    Raises `TemporarilyUnavailable` when the upstream must be asked first and does not answer,
    `Misconfigured` when what its settings make is no address that a browser can be sent to.
    """
    if source.kind == "form":
        link = link_uid and forms.seal_link(source, link_uid)
        return forms.page(request, source, next_url, link, again=again)
    is_shared = shared.counts(request, asked=routes.prefix_of(request.path) == routes.AUTH)
    if is_shared:
        shared.mark(request)
    other = somebody_else.is_wanted(request, source) or shared.is_marked(request)
    if (other or is_shared) and source.description.unsolicited:
        away = somebody_else.leave_first(request, source, next_url, again=again)
        if away:
            return away
    redirect_uri = routes.callback_url(source.slug, routes.prefix_of(request.path))
    proof = asking.told(request, source, again=again)
    asked = {**proof, "other": other, "shared": is_shared}
    wished, now = wishes.told_to(source, wishes.of(request)), timezone.now()
    fresh = flow.new_flow(
        source.slug, redirect_uri, next_url, now, link_uid, **asked, wishes=wished
    )
    response = way_upstream(source, fresh)
    cookies.keep_flow(request, response, fresh, marked=source.description.unsolicited)
    if fresh.bound_to:
        cookies.forget(response, cookies.ANEW)
    return response


def way_upstream(source: ConfiguredSource, fresh: LoginFlow) -> HttpResponse:
    """Return the redirect to the upstream of a redirecting source. Raises as `begin` does."""
    url = source.upstream.begin_login(fresh).url
    if not can_be_visited(url):
        raise Misconfigured(f"The address of the sign-in cannot be used: {len(url)} characters.")
    response = HttpResponseRedirect(url)
    response["Cache-Control"] = "no-store"
    return response


def finish(
    request: HttpRequest, source: ConfiguredSource, params: Mapping[str, str]
) -> HttpResponse:
    """Finish a login with the upstream's answer. Every failure leads to its page.

    A source that declares `unsolicited` may answer without a state: our one-time marker then tells
    which flow it was. Without the marker, or too late, the person signed in elsewhere, which counts
    here for anonymous people only and never replaces a session.
    """
    marker = cookies.marker(request, source)
    login_flow = cookies.flow_of(request, params.get("state") or marker)
    session = incoming.session_of(request)
    late = flows.late(request, login_flow, source)
    if late or flows.is_abandoned(login_flow, source, session.uid):
        login_flow = None
    if login_flow is None and not source.description.unsolicited:
        if params.get("state") and sign_in.was_used_by(session, params["state"]):
            return answers.see_other(concluding.landing(source, session))
        return answers.fail(request, InvalidRequest(flows.UNKNOWN), source.slug, cost=0)
    if login_flow is None and session.is_logged_in:
        return answers.see_other(concluding.landing(source, session, late.next if late else ""))
    if request.META.get(LATE):
        busy = Busy("Too many people sign in at this moment.", retry_after=5)
        return answers.fail(request, busy, source.slug, login_flow or late)
    cost = incoming.cost(request, source)
    budget = lockout.held(incoming.visitor(request), source.slug, cost)
    try:
        with budget if cost or login_flow or late else nullcontext():
            response = _finish(request, source, params, login_flow, late)
    except TooManyRequests as error:
        return answers.refuse(request, error)
    if marker:
        cookies.forget_marker(response)
    return response


def _finish(
    request: HttpRequest,
    source: ConfiguredSource,
    params: Mapping[str, str],
    login_flow: LoginFlow | None,
    late: LoginFlow | None,
) -> HttpResponse:
    begun = login_flow or late
    steps.note_way(source.slug, params, begun)
    try:
        flows.check(login_flow, source, request.path)
        if login_flow and login_flow.link_uid:
            forms.check_asking(request, login_flow.link_uid)
        if begun and not flow.claim(begun.state):
            return answers.see_other(
                begun.next or concluding.landing(source, incoming.session_of(request))
            )
        response = _complete(request, source, params, login_flow, late)
        if login_flow is None:
            recognising.tell_recognised(request, source)
    except ProtocolError as error:
        chart.dismiss(source, error, incoming.session_of(request))
        cost = max(incoming.cost(request, source), bool(begun))
        return answers.fail(request, error, source.slug, begun, cost=cost)
    if begun:
        cookies.forget_flow(response, begun)
    return response


def _complete(
    request: HttpRequest,
    source: ConfiguredSource,
    params: Mapping[str, str],
    login_flow: LoginFlow | None,
    late: LoginFlow | None,
) -> HttpResponse:
    def ask(permitted: Cookies) -> Authentication:
        return source.upstream.complete_login(login_flow, params, permitted)

    outcome = ask(incoming.cookies_for(request, source.description))
    begun = login_flow or late
    next_url = begun.next if begun else ""
    try:
        if login_flow and login_flow.link_uid:
            return concluding.conclude(request, source, outcome, "", link_uid=login_flow.link_uid)
        return recognising.conclude_by_turns(request, source, outcome, next_url, ask, begun)
    except ProtocolError as error:
        error.tokens = error.tokens or outcome.tokens
        error.subject, error.sid = outcome.subject, outcome.sid
        raise

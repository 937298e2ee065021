"""The door: the one place where HTTP meets the use cases.

Requests become values, outcomes become responses. Flow cookies are set and taken back here, and
here alone are Django's own `login` and `logout` called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import auth
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from accounts import conf, cookie_header, errors, events
from accounts.errors import InvalidRequest, ProtocolError, TemporarilyUnavailable
from accounts.login import flow, recognition, sign_in
from accounts.logout import chart
from accounts.provider import Authentication, Description, LoginFlow, Prompt, Visit
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.source import catalogue, outage
from accounts.source.catalogue import ConfiguredSource
from portal import cookies, flow_cookies, roads
from portal.destinations import safe_destination

# Parameters of an authorization response that must not be repeated (RFC 6749, 3.1).
_ONCE = ("code", "state", "iss", "error", "error_description", "id_token", "session_state")
LEFT_SECONDS = 60
_RECEIPT_SECONDS = 120


class SeeOther(HttpResponseRedirect):
    """303: what was posted is done, look there."""

    status_code = 303


# --- From a request to values ---------------------------------------------------------------------


def visit(request: HttpRequest) -> Visit:
    """Return who is at the door. The address is the one that `portal.middleware.proxies` trusts."""
    return Visit(
        address=request.META.get("REMOTE_ADDR", ""),
        user_agent=request.headers.get("User-Agent", "")[:300],
    )


def session_of(request: HttpRequest) -> Session:
    """Return the typed session of the request; anonymous when there is none."""
    store: Any = getattr(request, "session", None)
    return store.typed if store is not None else Session()


def source_or_404(slug: str) -> ConfiguredSource:
    """Return the enabled source. Raises `Http404` for an unknown or disabled one."""
    found = catalogue.find(slug)
    if found is None:
        raise Http404
    return found


def cookies_for(request: HttpRequest, description: Description) -> dict[str, str]:
    """Return the raw cookies that a provider declares, and no other."""
    raw = cookie_header.parse(request.META.get("HTTP_COOKIE", ""))
    return cookie_header.permitted(raw, description.cookies)


def single_values(values: Any) -> dict[str, str]:
    """Return the parameters as a plain mapping. Raises `InvalidRequest` for a repeated one."""
    for name in _ONCE:
        if len(values.getlist(name)) > 1:
            raise InvalidRequest(f"The parameter {name} occurs more than once.")
    return {name: values[name] for name in values}


# --- From values to a response --------------------------------------------------------------------


def page(
    request: HttpRequest, template: str, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Return a page that no cache keeps, from which forms may lead to the sources' way out."""
    response = render(request, template, dict(context or {}), status=status)
    response["Cache-Control"] = "no-store"
    if session_of(request).is_logged_in:
        origins = {o for ready in catalogue.enabled() for o in ready.description.visits}
        response._csp_update = {"form-action": sorted(origins)}  # type: ignore[attr-defined]
    return response


def see_other(url: str) -> SeeOther:
    """Return a 303 that no cache keeps."""
    response = SeeOther(url)
    response["Cache-Control"] = "no-store"
    return response


def begin(
    request: HttpRequest,
    source: ConfiguredSource,
    next_url: str,
    link_uid: str = "",
    *,
    again: bool = False,
) -> HttpResponse:
    """Start a login, or the linking of another way in: the way upstream, or the form.

    Raises `TemporarilyUnavailable` when the upstream must be asked first and does not answer.
    """
    redirect_uri = roads.callback_url(source.slug, roads.road_of(request.path))
    fresh = flow.new_flow(
        source.slug, redirect_uri, next_url, timezone.now(), link_uid, again=again
    )
    step = source.provider.begin_login(fresh)
    if isinstance(step, Prompt):
        return form(request, source, step, fresh)
    response = HttpResponseRedirect(step.url)
    response["Cache-Control"] = "no-store"
    flow_cookies.keep(request, response, fresh, marked=source.description.unsolicited)
    return response


def form(
    request: HttpRequest,
    source: ConfiguredSource,
    prompt: Prompt,
    login_flow: LoginFlow,
    problem: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Return the page with the form of a source; the flow travels in it, sealed."""
    context = {
        "source": {"slug": source.slug, "label": source.label, "help": source.description.help},
        "prompt": prompt,
        "action": f"/auth/login/{source.slug}",
        "flow": flow.seal_flow(login_flow),
        "choose": choose_url(login_flow.next),
        "values": {prompt.identifier: request.POST.get(prompt.identifier, "")[:150]},
        "problem": problem,
    }
    return page(request, "login/form.html", context, status)


def conclude(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    login_flow: LoginFlow | None,
    *,
    spend: bool,
) -> HttpResponse:
    """Sign in, or link, what a provider has verified, and send the person on.

    `spend` makes the flow's state usable once. Raises `AccessDenied` with the reason.
    """
    if login_flow and login_flow.purpose == "link":
        sign_in.link(source, outcome, login_flow, visit(request))
        return see_other("/account/sign-ins")
    next_url = login_flow.next if login_flow else ""
    spent = login_flow if spend else None
    try:
        done = sign_in.sign_in(source, outcome, spent, session_of(request), visit(request))
    except sign_in.AlreadyUsed:
        return see_other(next_url or landing(source, session_of(request)))
    except sign_in.SwitchNeeded:
        road = roads.road_of(request.path)
        return see_other(roads.login_path(source.slug, road, next=next_url, switch="1"))
    admit(request, done)
    outage.over(source.slug)
    return see_other(landing(source, done.store.typed, next_url))


def admit(request: HttpRequest, done: sign_in.SignedIn) -> None:
    """Put the new session in the place of the request's own; Django turns the CSRF token."""
    request.session = done.store
    auth.login(request, done.user, backend=sign_in.BACKEND)


def landing(source: ConfiguredSource | None, session: Session, next_url: str = "") -> str:
    """Return where a person goes who has just signed in."""
    if session.status == "awaiting_access":
        return "/"
    return next_url or (source.row.after_login if source else "") or "/account/"


def start_url(slug: str, next_url: str = "", **more: str) -> str:
    """Return the address at which a sign-in by the source `slug` starts.

    `again="1"` asks for a fresh proof of who the person is, `switch="1"` for the question whether
    the session that is there should end.
    """
    return roads.login_path(slug, next=next_url, **more)


def choose_url(next_url: str = "") -> str:
    """Return the address of the choice of sources, which leads nowhere straight."""
    return "/login?" + urlencode({"choose": "1", **({"next": next_url} if next_url else {})})


# --- A failure ------------------------------------------------------------------------------------


def fail(
    request: HttpRequest, error: ProtocolError, slug: str, login_flow: LoginFlow | None = None
) -> HttpResponse:
    """Record a failed login and lead to its page. Nothing else is changed."""
    code = record_failure(request, error, slug)
    query = "?" + urlencode({"next": login_flow.next}) if login_flow and login_flow.next else ""
    response = see_other(f"/login/failed/{code}{query}")
    if login_flow:
        flow_cookies.forget(response, login_flow)
    return response


def record_failure(request: HttpRequest, error: ProtocolError, slug: str) -> str:
    """Write the one event of a failed login. Returns its support code."""
    if error.reason == errors.UNAVAILABLE:
        outage.note(slug)
    code = events.new_support_code()
    failed = events.event(
        "login.failed",
        visit(request),
        support_code=code,
        reason=error.reason,
        source=slug[:50],
        detail=f"{error.error}: {error.description}",
    )
    events.record(failed)
    return code


def with_retry_after(response: HttpResponse, error: ProtocolError) -> HttpResponse:
    """Tell when to try again, where the error knows."""
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


# --- The answer of an upstream --------------------------------------------------------------------


def finish(
    request: HttpRequest, source: ConfiguredSource, params: Mapping[str, str]
) -> HttpResponse:
    """Finish a login with the upstream's answer. Every failure leads to its page.

    A source that declares `unsolicited` may answer without a state: our one-time marker then tells
    which flow it was. Without the marker the person signed in elsewhere, which counts here for
    anonymous people only and never replaces a session.
    """
    marker = flow_cookies.marker(request, source)
    login_flow = flow_cookies.flow_of(request, params.get("state") or marker)
    session = session_of(request)
    if login_flow is None and not source.description.unsolicited:
        if params.get("state") and sign_in.was_used_by(session, params["state"]):
            return see_other(landing(source, session))
        missing = InvalidRequest("The state is missing or unknown.")
        return fail(request, missing, source.slug)
    if login_flow is None and session.is_logged_in:
        return see_other(landing(source, session))
    response = _finish(request, source, params, login_flow)
    if marker:
        flow_cookies.forget_marker(response)
    return response


def _finish(
    request: HttpRequest,
    source: ConfiguredSource,
    params: Mapping[str, str],
    login_flow: LoginFlow | None,
) -> HttpResponse:
    try:
        _check_flow(login_flow, source, request.path)
        if login_flow and not flow.claim(login_flow.state):
            return see_other(login_flow.next or landing(source, session_of(request)))
        permitted = cookies_for(request, source.description)
        outcome = source.provider.complete_login(login_flow, params, permitted)
        response = conclude(request, source, outcome, login_flow, spend=True)
    except ProtocolError as error:
        chart.dismiss(source, error)
        return fail(request, error, source.slug, login_flow)
    if login_flow:
        flow_cookies.forget(response, login_flow)
    return response


def _check_flow(login_flow: LoginFlow | None, source: ConfiguredSource, path: str) -> None:
    """Refuse an answer at another door (RFC 9700, 4.4), or one that comes too late."""
    if login_flow is None:
        return
    elsewhere = login_flow.redirect_uri != conf.site_url() + path
    if login_flow.source != source.slug or (elsewhere and not source.description.unsolicited):
        raise InvalidRequest("This answer belongs to another source.")
    if flow.expired(login_flow, timezone.now()):
        raise InvalidRequest("The sign-in took too long.", reason=errors.EXPIRED)


def callback_source(request: HttpRequest, slug: str) -> ConfiguredSource:
    """Return whom an answer at `/auth/callback/<slug>` is for.

    An upstream that knows one address only (the CMS) answers at the name of its provider: the
    source that our marker names is meant, else the only one. Raises `Http404`.
    """
    alike = [
        each
        for each in catalogue.enabled()
        if slug in {each.slug, each.row.provider} and each.description.unsolicited
    ]
    marked = next((each for each in alike if flow_cookies.marker(request, each)), None)
    only = alike[0] if len(alike) == 1 else None
    return marked or catalogue.find(slug) or only or source_or_404(slug)


# --- Known elsewhere ------------------------------------------------------------------------------


def recognised_at(request: HttpRequest, source: ConfiguredSource) -> Authentication | None:
    """Return who this browser is known as at the source, where signed in there means here."""
    if session_of(request).is_logged_in:
        return None
    return recognition.recognise(source, cookies_for(request, source.description))


def recognised(request: HttpRequest) -> tuple[ConfiguredSource, Authentication] | None:
    """Return the first source that knows this browser, unless its person has just left."""
    if cookies.recall(request, cookies.LEFT):
        return None
    for source in catalogue.enabled():
        outcome = recognised_at(request, source)
        if outcome:
            return source, outcome
    return None


# --- Leaving --------------------------------------------------------------------------------------


def leave(request: HttpRequest, return_to: str = "") -> HttpResponse:
    """Walk the chart, and land on the front page with a receipt, or at `return_to`.

    `return_to` was checked by the caller. It is kept in a cookie while an upstream is visited.
    """
    session = session_of(request)
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    permitted = cookies_for(request, source.description) if source else {}
    departure = chart.leave(session, visit(request), permitted, roads.logout_done_url())
    forget_session(request)  # ended above, exactly once
    response = see_other(departure.visit or return_to or "/")
    if session.exists:
        label = source.label if source else ""
        receipt = {"label": label, "upstream": departure.upstream, "code": departure.support_code}
        cookies.remember(response, cookies.RECEIPT, receipt, _RECEIPT_SECONDS)
        cookies.remember(response, cookies.LEFT, True, LEFT_SECONDS)
    if departure.visit and return_to:
        cookies.remember(response, cookies.RETURN, return_to, _RECEIPT_SECONDS)
    return response


def forget_session(request: HttpRequest) -> None:
    """Let the browser go on as nobody: the session of the request has been ended."""
    request.session = SessionStore()
    auth.logout(request)


def left_elsewhere(request: HttpRequest) -> HttpResponse:
    """End the session that is shared with an upstream which says that its person left there."""
    sharing = [each for each in catalogue.enabled() if each.description.home]
    session = session_of(request)
    source = next((each for each in sharing if each.slug == session.source), None)
    if source:
        chart.left_upstream(session, visit(request))
        forget_session(request)
    home = source or (sharing[0] if len(sharing) == 1 else None)
    response = see_other(home.description.home if home else "/")
    cookies.remember(response, cookies.LEFT, True, LEFT_SECONDS)
    return response


def back_from_leaving(request: HttpRequest) -> str:
    """Return where somebody wanted to go who comes back from an upstream's logout, or nothing."""
    return safe_destination(cookies.recall(request, cookies.RETURN), internal=True)


def leads_away_on_purpose(request: HttpRequest) -> bool:
    """Tell whether a GET is a person's own click here: a top-level, same-site navigation."""
    headers = request.headers
    return (
        headers.get("Sec-Fetch-Site") in {"same-origin", "same-site"}
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and not headers.get("Sec-Purpose")
    )

"""The way of a login: begin, the upstream's answer, the session (docs/architecture.md)."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import strength
from accounts.errors import (
    AccessDenied,
    Busy,
    InvalidRequest,
    Misconfigured,
    ProtocolError,
    TooManyRequests,
)
from accounts.factors.pending import Pending
from accounts.login import flow, lockout, proof, sign_in
from accounts.logout import chart
from accounts.models import StoredSession
from accounts.provider import Authentication, Cookies, LoginFlow, Visit
from accounts.session import access
from accounts.session.typed import Session
from accounts.source import catalogue, outage
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import Strength
from accounts.upstream import cookie_header
from accounts.upstream.urls import can_be_visited
from portal.door import (
    answers,
    asking,
    cookies,
    devices,
    flows,
    forms,
    incoming,
    routes,
    second,
    shared,
    somebody_else,
    steps,
    wishes,
)
from portal.door.admitting import admit, forget_before
from portal.server.turns import LATE

# For how long a browser knows by which source its person signs in.
_SOURCE_SECONDS = 180 * 86_400
# Of one browser so many people are tried; each costs its upstream a call, or a few.
_MOST_TURNS = 3


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


def conclude(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    next_url: str,
    *,
    link_uid: str = "",
    spent: LoginFlow | None = None,
    typed: str = "",
    passed: Pending | None = None,
) -> HttpResponse:
    """Sign in, or link to the session `link_uid`, what a provider has verified; send the person on,
    to the second step where there is one and it has not `passed`.

    `typed` is the name in the form that was verified, nothing where none was. The state of `spent`
    makes one session only. Raises `AccessDenied` with the reason, also for a sign-in that is weaker
    than what was demanded of it: whoever is signed in already stays so.
    """
    if link_uid:
        sign_in.link(source, outcome, link_uid, incoming.visit(request))
        _tell_added(request, outcome)
        return answers.see_other("/account/sign-ins")
    if not passed and (halted := second.halt(request, source, outcome, next_url, typed)):
        return halted
    strength.require(source, outcome.acr, outcome.amr, wishes.demanded(request, spent))
    try:
        asked = bool(spent) or source.kind == "form"
        visit = replace(incoming.visit(request), shared=shared.counts(request, asked=asked))
        here, beside = incoming.session_of(request), cookies.states_beside(request, spent)
        done = sign_in.sign_in(source, outcome, spent, here, visit, beside=beside)
    except sign_in.AlreadyUsed:
        return answers.see_other(next_url or landing(source, incoming.session_of(request)))
    except sign_in.SwitchNeeded:
        return _ask_to_switch(request, source, outcome, next_url, spent)
    admit(request, done)
    outage.over(source.slug)
    if outcome.notice:
        messages.warning(request, outcome.notice)
    begun = done.store.typed
    response = answers.see_other(landing(source, begun, next_url))
    if begun.shared:
        shared.remember(request, response)
        devices.pass_by(done.user, incoming.visit(request), begun.uid, new=done.new)
    else:
        cookies.remember(response, cookies.SOURCE, source.slug, _SOURCE_SECONDS)
        name = typed or (outcome.username if source.kind == "form" else outcome.subject)
        who = source.slug, name
        devices.meet(request, response, who, done.user, visit, begun.uid, new=done.new)
    forget_before(request, response)
    return response


def _tell_added(request: HttpRequest, outcome: Authentication) -> None:
    """Say on the next page who was added: a neighbour can have given the browser a cookie that an
    upstream takes for somebody else's.
    """
    who = outcome.name or outcome.username or outcome.email or outcome.subject
    added = _("Added. From now on you can sign in this way too.")
    named = _("There you are: %(name)s") % {"name": who}
    wrong = _("Is that not you? Then remove it here at once.")
    messages.success(request, f"{added} {named}. {wrong}")


def _ask_to_switch(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    next_url: str,
    spent: LoginFlow | None,
) -> HttpResponse:
    chart.set_aside(source, outcome, incoming.session_of(request))
    prefix, wanted = routes.way_of(source.slug, request.path, next_url)
    along = {"next": wanted, "switch": "1", **wishes.carried(request, spent)}
    return answers.see_other(routes.login_path(source.slug, prefix, **along))


def enter_without_browser(
    source: ConfiguredSource, username: str, password: str, visit: Visit, otp: str = ""
) -> Session:
    """Sign in with a password, and the code `otp` where a second factor is needed (docs/contract.md
    2). Returns the new session, a client's; its person is told of one that looks new.

    Raises `InvalidGrant` when name and password do not fit, or the code is wrong, `TooManyRequests`
    when locked out, `InsufficientUserAuthentication` when a code is needed, `AccessDenied` for
    people who are disabled or not registered, `TemporarilyUnavailable`, and `InvalidRequest` for a
    source without a form.
    """
    outcome = proof.verify_password(source, username, password, visit)
    outcome = second.without_browser(source, outcome, otp, visit)
    kind = StoredSession.Kind.CLIENT
    done = sign_in.sign_in(source, outcome, None, Session(), visit, kind)
    devices.pass_by(done.user, visit, done.store.typed.uid, new=done.new)
    return done.store.typed


def enter(request: HttpRequest, source: ConfiguredSource, outcome: Authentication) -> str:
    """Begin a session for an outcome that this site vouches for itself. Returns its uid.

    Raises what `sign_in` raises.
    """
    visit = replace(incoming.visit(request), shared=shared.counts(request, asked=False))
    done = sign_in.sign_in(source, outcome, None, incoming.session_of(request), visit)
    admit(request, done)
    return done.store.typed.uid


def prove_again(
    request: HttpRequest, next_url: str, wanted: Strength | None = None
) -> HttpResponse | None:
    """Return the way to a fresh sign-in and on to `next_url`; None after a recent sign-in that was
    as strong as `wanted`.
    """
    session = incoming.session_of(request)
    if strength.has(session, wanted) and access.is_recent(session, timezone.now()):
        return None
    return ask_again(session, next_url, wanted)


def ask_again(session: Session, next_url: str, wanted: Strength | None = None) -> HttpResponse:
    """Return the way to a fresh sign-in by the same source, as strong as `wanted`, and on to
    `next_url`: by GET, so what was posted there is not sent again.
    """
    source, demand = catalogue.find(session.source), wanted.word if wanted else ""
    if source is None:  # disabled since: by another one, if there is any
        return answers.see_other(routes.choose_url(next_url, strength=demand))
    why = "1" if source.kind == "redirect" else ""  # a form says it itself
    onward = {"next": next_url, "why": why, "again": "1", wishes.STRENGTH: demand}
    return answers.see_other(routes.login_path(source.slug, **onward))


def landing(source: ConfiguredSource | None, session: Session, next_url: str = "") -> str:
    """Return where a person goes who has just signed in."""
    if session.status == "awaiting_access":
        return "/"
    return next_url or (source.row.after_login if source else "") or "/account/"


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
            return answers.see_other(landing(source, session))
        return answers.fail(request, InvalidRequest(flows.UNKNOWN), source.slug, cost=0)
    if login_flow is None and session.is_logged_in:
        return answers.see_other(landing(source, session, late.next if late else ""))
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
            return answers.see_other(begun.next or landing(source, incoming.session_of(request)))
        response = _complete(request, source, params, login_flow, late)
        if login_flow is None:
            tell_recognised(request, source)
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
            return conclude(request, source, outcome, "", link_uid=login_flow.link_uid)
        return _conclude_by_turns(request, source, outcome, next_url, ask, begun)
    except ProtocolError as error:
        error.tokens = error.tokens or outcome.tokens
        error.subject, error.sid = outcome.subject, outcome.sid
        raise


def conclude_recognised(
    request: HttpRequest, source: ConfiguredSource, outcome: Authentication, next_url: str
) -> HttpResponse:
    """Sign in whom `recognised_at` has returned, and send them on. Raises `AccessDenied`."""

    def ask(permitted: Cookies) -> Authentication | None:
        return proof.recognise(source, permitted, incoming.visitor(request))

    return _conclude_by_turns(request, source, outcome, next_url, ask)


def _conclude_by_turns(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    next_url: str,
    ask: Callable[[Cookies], Authentication | None],
    spent: LoginFlow | None = None,
) -> HttpResponse:
    """Conclude with the first person who is let in: whoever is refused here may only be whom one of
    several cookies names. Of those `ask` is told the others. Raises the first refusal.
    """
    left = incoming.cookies_for(request, source.description)
    refused: AccessDenied | None = None
    for _turn in range(_MOST_TURNS):
        try:
            return conclude(request, source, outcome, next_url, spent=spent)
        except AccessDenied as error:
            refused = refused or error
        others = cookie_header.without(left, outcome.bound_to)
        if not others or cookie_header.count(others) == cookie_header.count(left):
            break
        left = others
        try:
            another = ask(left)
        except ProtocolError:
            break
        if another is None:
            break
        outcome = another
    assert refused is not None  # noqa: S101  # each way out of the loop leads over a refusal
    raise refused


def recognised_at(request: HttpRequest, source: ConfiguredSource) -> Authentication | None:
    """Return who this browser is known as at the source, where signed in there means here."""
    if incoming.session_of(request).is_logged_in or somebody_else.is_wanted(request, source):
        return None
    permitted = incoming.cookies_for(request, source.description)
    return proof.recognise(source, permitted, incoming.visitor(request)) if permitted else None


def tell_recognised(request: HttpRequest, source: ConfiguredSource) -> None:
    """Say on the next page that a sign-in elsewhere counted here: a neighbour of this site can give
    a browser a cookie of somebody else's.
    """
    said = _("Somebody is signed in there already, so you are signed in here too: %(source)s")
    more = _("Is the name above not yours? Then sign out, and sign in again.")
    messages.info(request, f"{said % {'source': source.label}}. {more}")


def recognised(request: HttpRequest) -> tuple[ConfiguredSource, Authentication] | None:
    """Return the first source that knows this browser, unless its person has just left."""
    if cookies.recall(request, cookies.LEFT):
        return None
    for source in catalogue.enabled():
        outcome = recognised_at(request, source)
        if outcome:
            return source, outcome
    return None

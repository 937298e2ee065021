"""Leaving, in the order of the flowchart of tests/chart/data/go.md.

    User clicks logout -> logout endpoint -> is there an active session?
      No                -> front page
      Yes -> check type
        Unknown           -> destroy -> front page
        Unilogin          -> call the logout service -> destroy -> front page
        Adgangsplatformen -> destroy -> redirect to the CMS's logout -> front page, by the CMS

What a type does is its provider's plan: `call` walks the Unilogin edges, `visit` those of
Adgangsplatformen, and an empty plan those of Unknown. The session is destroyed exactly once on
each logged-in path, and nothing upstream can prevent it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from django.db import DatabaseError, transaction

from accounts import events, outbox, trail
from accounts.errors import AccessDenied, ProtocolError
from accounts.http import CallFailed
from accounts.models import Event
from accounts.provider import (
    Authentication,
    CallsLogout,
    LogoutPlan,
    Prompts,
    TokenSet,
    Visit,
)
from accounts.session import tabs, vault
from accounts.session.ending import end
from accounts.session.typed import Session
from accounts.source import catalogue, outage, registry
from accounts.upstream.urls import can_be_visited

log = structlog.get_logger("vestibule.logout")

# What became of the session upstream: over, to be tried again, left to the browser, nothing to do;
# or it may still be there, since the upstream does not answer.
ENDED, PENDING, VISIT, NONE = "ended", "pending", "visit", "none"
# The browser came back from the visit.
VISITED = "visited"
UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Departure:
    """How somebody left: where to go, what became of it upstream, and the chart's nodes passed.

    `hint` is what `try_again` needs where the upstream did not answer.
    """

    visit: str = ""
    upstream: str = NONE
    nodes: tuple[str, ...] = ()
    support_code: str = ""
    hint: TokenSet | None = field(default=None, repr=False)


def leave(session: Session, visit: Visit, cookies: Mapping[str, str], return_to: str) -> Departure:
    """Walk the chart for `session`. Returns where to go; an empty `visit` is the front page.

    `cookies` are the ones that the source declares; `return_to` is where the upstream may send the
    browser back to. Raises nothing that an upstream or a provider causes.
    """
    nodes = ["UserClicksLogout", "RedirectToLogoutEndpoint", "SessionExist"]
    if not session.exists:
        return Departure(nodes=(*nodes, "RedirectToFrontpage"))
    nodes.append("CheckType")
    plan, hint, code = _plan(session, cookies, return_to), None, events.new_support_code()
    if plan.call:
        nodes += ["IsUnilogin", "CallUniloginLogout"]
        hint = None if _call(session.source, plan.call) else plan.call
    elif plan.visit:
        nodes += ["IsAdgangsplatformen", "DestroySessionBeforeRedirect"]
        nodes += ["RedirectToAdgangsplatformenLogout"]
        code = _destroy(session, visit, code, None, VISIT, nodes)
        return Departure(plan.visit, VISIT, tuple(nodes), code)
    else:
        nodes.append("IsUnknown")
    upstream = UNANSWERED if plan.unanswered else NONE
    upstream = (PENDING if hint else ENDED) if plan.call else upstream
    nodes += ["DestroySession", "RedirectToFrontpage"]
    code = _destroy(session, visit, code, hint, upstream, nodes)
    return Departure("", upstream, tuple(nodes), code, plan.unanswered)


def try_again(
    slug: str, issuer: str, hint: TokenSet, cookies: Mapping[str, str], return_to: str
) -> Departure:
    """Plan the way out of an upstream once more for somebody who has left here, when it did not
    answer. `issuer` is who gave the hint, empty if nobody knows. Raises nothing that an upstream or
    a provider causes.
    """
    source = catalogue.of_session(slug)
    if source is None:
        is_away = catalogue.row_of(slug) is not None
        return Departure("", UNANSWERED, hint=hint) if is_away else Departure()
    left = Session(type=source.session_type, source=slug, issuer=issuer)
    plan = _plan(left, cookies, return_to, hint)
    if plan.visit:
        return Departure(plan.visit, VISIT)
    return Departure("", UNANSWERED if plan.unanswered else NONE, hint=plan.unanswered)


def leave_by_api(
    session: Session, visit: Visit, cookies: Mapping[str, str], return_to: str
) -> Departure:
    """End `session` for a caller that is no browser: what can be done upstream by a call is done.

    Where the plan also has a visit the departure names it, for a front end to send its browser to,
    since a call from here leaves the browser's own session there alone. Raises nothing that an
    upstream or a provider causes.
    """
    if not session.exists:
        return Departure()
    plan, code = _plan(session, cookies, return_to), events.new_support_code()
    pending = plan.api_call if plan.api_call and not _call(session.source, plan.api_call) else None
    upstream = ENDED if plan.api_call else NONE
    if pending or plan.visit:
        upstream = VISIT if plan.visit else PENDING
    elif plan.unanswered:
        upstream = UNANSWERED
    code = _destroy(session, visit, code, pending, upstream)
    return Departure(plan.visit, upstream, support_code=code)


def returned(code: str) -> None:
    """Complete the way of a logout whose browser the upstream has sent back: the event with the
    support code `code` says so. Counts once, and fails silently: nothing depends on it.
    """
    away = Event.objects.filter(support_code=code, name="logout", detail=_said(VISIT))
    back = ("LogoutRemoteAdgangsplatformen", "RedirectBackToGo")
    try:
        for pk, steps in away.values_list("pk", "steps"):
            more = [trail.plain(trail.Step(trail.HERE, trail.HERE, "chart", node)) for node in back]
            away.filter(pk=pk).update(steps=[*steps, *more], detail=_said(VISITED))
    except DatabaseError:
        log.warning("logout.return_not_noted", support_code=code)


def left_upstream(session: Session, visit: Visit) -> None:
    """End a session whose person has left upstream already. No upstream is called."""
    _destroy(session, visit, events.new_support_code(), None, ENDED)


def dismiss(source: catalogue.ConfiguredSource, error: ProtocolError, here: Session) -> None:
    """Log a refused person out upstream, which would send them straight back otherwise.

    Does nothing unless the error carries tokens and the plan has a call, nor to whoever is signed
    in `here` by that source already: their session lives by the same one upstream. A call that
    fails goes to the outbox. After a failed call the person has waited long enough: this one goes
    there at once.
    """
    is_theirs = (here.source, here.subject) == (source.slug, error.subject)
    if error.tokens is None or (is_theirs and source.still_speaks_for(here.issuer)):
        return
    issuer = source.description.issuer
    held = Session(type=source.session_type, source=source.slug, issuer=issuer).ref()
    try:
        plan = source.provider.plan_logout(held, error.tokens, {}, "")
    except Exception:  # a provider's defect must not hide why somebody was refused
        log.exception("logout.plan_failed", source=source.slug)
        return
    hint = plan.call or plan.api_call
    later = isinstance(error, CallFailed)
    if hint and (later or not _call(source.slug, hint)):
        whose = {"sid": error.sid, "subject": error.subject}
        outbox.post_logout(source.slug, hint, "", issuer, **whose)


def set_aside(source: catalogue.ConfiguredSource, outcome: Authentication, here: Session) -> None:
    """Log a person out upstream whom nobody has taken in yet, since somebody else is signed in
    `here` and is asked first: who then says no would stay signed in there, unknown to all.

    An upstream that is left by a visit is not: the person signs in there again without a question.
    """
    if getattr(source.provider, "leaves_by_call", False):
        aside = AccessDenied("Somebody else is signed in.", tokens=outcome.tokens)
        aside.subject, aside.sid = outcome.subject, outcome.sid
        dismiss(source, aside, here)


def _plan(
    session: Session, cookies: Mapping[str, str], return_to: str, hint: TokenSet | None = None
) -> LogoutPlan:
    """Return the provider's plan, before anything is destroyed; an empty one when it fails.

    `hint` is what is left of a session that has ended, whose upstream did not answer.
    """
    if not session.is_logged_in:
        return LogoutPlan()
    try:
        source = catalogue.of_session(session.source)
        if source is None:
            return _unplanned(session)
        if not source.still_speaks_for(session.issuer):
            return LogoutPlan()
        tokens = hint or vault.tokens_of(session.uid)
        troubled = hint is not None or outage.is_doubtful(session.source)
        known = replace(session.ref(), troubled=troubled)
        return _possible(source.provider.plan_logout(known, tokens, cookies, return_to), session)
    except Exception:  # a provider's defect must not keep anybody signed in
        log.exception("logout.plan_failed", source=session.source)
        return LogoutPlan()


def _unplanned(session: Session) -> LogoutPlan:
    """Return the way out of a source that is there but cannot be built now, as while its secret is
    missing. A provider whose browsers leave by its call gets that later, with all of the tokens. Of
    any other nobody knows what a browser has to visit: the person can try again.
    """
    row = catalogue.row_of(session.source)
    provider = registry.providers().get(row.provider) if row else None
    if row is None or (provider and issubclass(provider, Prompts)):
        return LogoutPlan()
    tokens = vault.tokens_of(session.uid)
    called = tokens if provider and issubclass(provider, CallsLogout) else None
    if called and getattr(provider, "leaves_by_call", False):
        return LogoutPlan(call=called, api_call=called)
    hint = TokenSet(id_token=tokens.id_token if tokens else "")
    return LogoutPlan(api_call=called, unanswered=hint)


def _possible(plan: LogoutPlan, session: Session) -> LogoutPlan:
    """Return the plan, without a visit to where no browser can be sent: it would fail when all else
    is over. The person may still be signed in there, and is told so.
    """
    if not plan.visit or can_be_visited(plan.visit):
        return plan
    log.warning("logout.visit_impossible", source=session.source, length=len(plan.visit))
    return replace(plan, visit="", unanswered=plan.unanswered or TokenSet())


def _call(slug: str, hint: TokenSet) -> bool:
    """Call the upstream. Returns False when the call failed."""
    source = catalogue.of_session(slug)
    try:
        if source is None or not isinstance(source.provider, CallsLogout):
            return False
        source.provider.call_logout(hint)
    except ProtocolError:
        return False
    except Exception:  # a provider's defect must not keep anybody signed in
        log.exception("logout.call_failed", source=slug)
        return False
    return True


def _destroy(
    session: Session,
    visit: Visit,
    code: str,
    pending: TokenSet | None,
    upstream: str,
    nodes: Sequence[str] = (),
) -> str:
    """End the session, and record it. Returns the support code; an empty one, and nothing else is
    done, when somebody else has ended it meanwhile: a session is left once.
    """
    for node in nodes:
        trail.note(trail.Step(trail.HERE, trail.HERE, "chart", node))
    with transaction.atomic():
        rows = end(tabs.together([session.uid]))
        if not any(row.uid == session.uid for row in rows):
            return ""
        if pending:
            whose = {"sid": session.sid, "subject": session.subject}
            outbox.post_logout(session.source, pending, code, session.issuer, **whose)
        gone = events.event(
            "logout",
            visit,
            support_code=code,
            source=session.source,
            session_type=session.type,
            user_id=rows[0].user_id,
            session_uid=session.uid,
            detail=_said(upstream),
        )
        events.record(gone)
    return code


def _said(upstream: str) -> str:
    return f"upstream: {upstream}"

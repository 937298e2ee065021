"""The end of a sign-in: a session for whom a provider has verified, and the way on."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts import strength
from accounts.factors.pending import Pending
from accounts.login import proof, sign_in
from accounts.logout import chart
from accounts.models import StoredSession
from accounts.provider import Authentication, LoginFlow, Visit
from accounts.session.typed import Session
from accounts.source import outage
from accounts.source.catalogue import ConfiguredSource
from portal.door import answers, cookies, devices, incoming, routes, second, shared, wishes
from portal.door.admitting import admit, forget_before

# For how long a browser knows by which source its person signs in.
_SOURCE_SECONDS = 180 * 86_400


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


def enter(request: HttpRequest, source: ConfiguredSource, outcome: Authentication) -> str:
    """Begin a session for an outcome that this site vouches for itself. Returns its uid.

    Raises what `sign_in` raises.
    """
    visit = replace(incoming.visit(request), shared=shared.counts(request, asked=False))
    done = sign_in.sign_in(source, outcome, None, incoming.session_of(request), visit)
    admit(request, done)
    return done.store.typed.uid


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


def landing(source: ConfiguredSource | None, session: Session, next_url: str = "") -> str:
    """Return where a person goes who has just signed in."""
    if session.status == "awaiting_access":
        return "/"
    return next_url or (source.row.after_login if source else "") or "/account/"

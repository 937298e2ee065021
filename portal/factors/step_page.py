"""`/login/second`: the second step of a sign-in by a password (docs/second-factors.md 4)."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.errors import InvalidGrant, ProtocolError, TooManyRequests
from accounts.factors import answer, duty, keeping, pending, second_step, tell, totp
from accounts.factors.answer import WrongCode
from accounts.factors.pending import Pending
from accounts.factors.second_step import Step
from accounts.login import sign_in
from accounts.provider import Authentication
from accounts.session import access
from accounts.source import catalogue
from portal.door import answers, concluding, devices, incoming, routes, second, wishes
from portal.door.destinations import place_of, safe_destination
from portal.factors import shown
from portal.factors.problems import problem_of


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def step(request: HttpRequest) -> HttpResponse:
    """Ask for the code, or for an authenticator to be set up, and complete the sign-in."""
    held = second.pending_of(request)
    if held is None:
        return _lapsed(request)
    in_the_way = _ask_to_switch(request, held)
    if in_the_way:
        return in_the_way
    now = held.step
    if request.method != "POST":
        return _ask(request, held, now)
    act = {Step.CODE: _code, Step.SET_UP: _set_up}.get(now, _put_off_or_set_up)
    try:
        return act(request, held)
    except WrongCode as error:
        problem = problem_of(error, recovery="recovery" in request.GET)
        return _ask(request, held, now, problem, error)
    except TooManyRequests as error:
        return _ask(request, held, now, problem_of(error), error)
    except (InvalidGrant, totp.AlreadyThere):
        return _lapsed(request)
    except ProtocolError as error:
        return answers.fail(request, error, held.source, next_url=held.next)


def _ask_to_switch(request: HttpRequest, held: Pending) -> HttpResponse | None:
    """Return the way to the question whether to switch, where somebody else has signed in since the
    step began; else None. It is asked before anything is judged: what is spent leads to a session.
    """
    session, source = incoming.session_of(request), catalogue.find(held.source)
    if source is None or not session.is_logged_in:
        return None
    if sign_in.same_person(source, held.outcome, session):
        return None
    along = {**held.carried, "next": held.next, "switch": "1"}
    return answers.see_other(routes.login_path(source.slug, **along))


def _code(request: HttpRequest, held: Pending) -> HttpResponse:
    """Take a code, or one of the recovery codes. Raises `WrongCode` and `TooManyRequests`."""
    visit = incoming.visit(request)
    device = devices.known(request, held.source, held.name)
    with answer.judged(held.user, held.source, visit, device), transaction.atomic():
        pending.spend(held)
        kind = answer.spend(held.user, request.POST.get("code", ""))
        response = _complete(request, held, second_step.stronger(held.outcome))
        tell.used(kind, held.user, held.source, visit, incoming.session_of(request).uid)
    return response


def _put_off_or_set_up(request: HttpRequest, held: Pending) -> HttpResponse:
    if "later" not in request.POST:
        return _set_up(request, held)
    with transaction.atomic():
        pending.spend(held)
        return _complete(request, held, held.outcome)


def _set_up(request: HttpRequest, held: Pending) -> HttpResponse:
    """Take the first code of a new authenticator. Raises `WrongCode`, `InvalidGrant` for a form
    that is too old, `AlreadyThere`, and `AccessDenied` for an administrator who comes by a source
    that signs in none.
    """
    access.require_change_of_ways_in(held.source, held.user.pk)
    visit = incoming.visit(request)
    made = keeping.offered(held.user, request.POST.get("offer", ""))
    with transaction.atomic():
        pending.spend(held)
        codes = keeping.take(held.user, made, request.POST.get("code", ""), visit)
        response = _complete(request, held, second_step.stronger(held.outcome))
    return shown.to_codes(request, response, codes, response["Location"])


def _complete(request: HttpRequest, held: Pending, outcome: Authentication) -> HttpResponse:
    """Sign in. Raises what the sign-in raises, and `InvalidGrant` when the source is gone, or the
    way in is their person's no more, whose factor was judged or set up.
    """
    source = catalogue.find(held.source)
    if source is None or sign_in.known(source, held.outcome) != held.user:
        raise InvalidGrant("The way in is gone.")
    response = concluding.conclude(
        request, source, outcome, held.next, typed=held.name, passed=held
    )
    second.forget(response)
    return response


def _ask(
    request: HttpRequest,
    held: Pending,
    now: Step,
    problem: dict[str, Any] | None = None,
    error: ProtocolError | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "person": held.user,
        "problem": problem,
        "bound_for": place_of(held.next),
        "carried": {**held.carried, "next": held.next},
        "choose": routes.choose_url(held.next, **held.carried),
    }
    show = partial(answers.page, request, status=error.status if error else 200)
    if now is Step.CODE:
        context["recovery"] = "recovery" in request.GET
        context["has"] = totp.exists(held.user)
        ways = second_step.ways(held.user)
        context["ways"] = [{**way, "url": way["url"] or context["choose"]} for way in ways]
        response = show("login/second.html", context)
    else:
        context["due"], context["may_wait"] = duty.due_at(held.user), now is not Step.SET_UP
        context["offer"] = _offer(request, held)
        response = show("login/second_set_up.html", context)
    return answers.with_retry_after(response, error) if error else response


def _offer(request: HttpRequest, held: Pending) -> dict[str, Any]:
    """Return a fresh secret, or the one that the person has just typed a wrong code of."""
    try:
        made = keeping.offered(held.user, request.POST.get("offer", ""))
    except InvalidGrant:
        made = keeping.offer(held.user)
    return shown.offer(held.user, made)


def _lapsed(request: HttpRequest) -> HttpResponse:
    """Lead back to the beginning, or on for who is signed in, by another tab or click."""
    session, next_url = incoming.session_of(request), safe_destination(request.POST.get("next"))
    if session.is_logged_in:
        response = answers.see_other(concluding.landing(None, session, next_url))
    else:
        messages.warning(request, _("That took too long, or was done already. Sign in once more."))
        response = answers.see_other(routes.choose_url(next_url, **wishes.carried(request)))
    second.forget(response)
    return response

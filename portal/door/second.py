"""The second step of a sign-in: where it begins, the browser's cookie for it, and its end
(docs/second-factors.md 4).
"""

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts import strength
from accounts.errors import SECOND_FACTOR, InsufficientUserAuthentication
from accounts.factors import answer, pending, second_step, tell
from accounts.factors.pending import Pending
from accounts.factors.second_step import Step
from accounts.login import sign_in
from accounts.provider import Authentication, Visit
from accounts.session import access
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import Strength, asked_for
from portal.door import answers, cookies, incoming, shared, wishes

COOKIE = "vestibule-second"
PATH = "/login/second"
# What a form of the first step holds beside name and password, and counts when all is done.
_CARRIED = (shared.NAME, wishes.STRENGTH, "acr_values")


def halt(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    next_url: str,
    typed: str,
) -> HttpResponse | None:
    """Return the way to the second step of a sign-in by a form, into which the name `typed` was
    typed; None where nothing more is asked.

    A reminder is shown at a sign-in only, not when somebody who is signed in is asked again, and
    only to people who may set a factor up here. Raises `AccessDenied` for people who must set one
    up and may not, and where a second factor is not enough for what is demanded.
    """
    if source.kind != "form" or outcome.acr in second_step.STRONG:
        return None
    demand, best = wishes.demanded(request, None), second_step.stronger(outcome)
    strength.require(source, best.acr, best.amr, demand)
    wanted = demand.word if demand else wishes.posted(request)
    if (asked_for(wanted.split()) or 0) > Strength.SUBSTANTIAL:
        wanted = ""  # to set a second factor up would not be enough either
    session = incoming.session_of(request)
    if session.is_logged_in and not sign_in.same_person(source, outcome, session):
        return None  # which is for the person to decide first
    person = pending.person_of(source, outcome, incoming.visit(request), wanted)
    step = second_step.step(outcome, person, wanted) if person else Step.NONE
    if person is None or step is Step.NONE or (step is Step.REMIND and session.is_logged_in):
        return None
    if step is Step.REMIND and not access.may_change_ways_in(source.slug, person.pk):
        return None
    if step is Step.SET_UP:
        access.require_change_of_ways_in(source.slug, person.pk)
    along = wishes.carried(request)
    secret = pending.keep(
        person,
        source.slug,
        outcome,
        typed,
        next=next_url,
        wanted=wanted,
        carried={name: word for name, word in along.items() if name in _CARRIED},
    )
    if shared.is_told(request):
        shared.mark(request)  # the cookie goes with the browser
    response = answers.see_other(PATH)
    cookies.put(response, COOKIE, secret, int(pending.life().total_seconds()))
    return response


def pending_of(request: HttpRequest) -> Pending | None:
    """Return the sign-in of this browser that waits for its second step."""
    return pending.find(request.COOKIES.get(cookies.named(COOKIE), ""))


def forget(response: HttpResponse) -> None:
    """Take the cookie back."""
    cookies.forget(response, COOKIE)


def without_browser(
    source: ConfiguredSource, outcome: Authentication, otp: str, visit: Visit
) -> Authentication:
    """Return the outcome of a password that came without a browser, and of the code `otp`, if any
    (docs/contract.md 2).

    Raises `InsufficientUserAuthentication` when a code is needed and none came, or none can come
    yet, `WrongCode`, `TooManyRequests`, and `AccessDenied`.
    """
    person = pending.person_of(source, outcome, visit)
    step = second_step.step(outcome, person) if person else Step.NONE
    if person is None or step in {Step.NONE, Step.REMIND}:
        return outcome
    if step is Step.SET_UP:
        said = "Sign in in a browser first: a second factor is due."
        raise InsufficientUserAuthentication(description=said, reason=SECOND_FACTOR)
    if not otp:
        said = "A code is needed as well, as otp."
        raise InsufficientUserAuthentication(description=said, reason=SECOND_FACTOR)
    with answer.judged(person, source.slug, visit), transaction.atomic():
        tell.used(answer.spend(person, otp), person, source.slug, visit, "")
    return second_step.stronger(outcome)

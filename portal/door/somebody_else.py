"""Somebody else is to sign in than the person whom the upstream remembers."""

from django.http import HttpRequest, HttpResponse

from accounts.errors import TooManyRequests
from accounts.login import lockout
from accounts.provider import Cookies, LogoutPlan
from accounts.session.typed import Session
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream import cookie_header
from accounts.upstream.urls import can_be_visited
from portal.door import answers, cookies, incoming, routes, wishes

_RETURN_SECONDS = 120


def is_wanted(request: HttpRequest, source: ConfiguredSource) -> bool:
    """Tell whether somebody else should sign in than whom the source has just refused."""
    refused = cookies.recall(request, cookies.REFUSED) == source.slug
    return refused or bool(request.GET.get("other"))


def leave_first(
    request: HttpRequest,
    source: ConfiguredSource,
    next_url: str,
    *,
    again: bool = False,
    bound_to: str = "",
) -> HttpResponse | None:
    """Return the redirect to the upstream's logout and back to a sign-in with the same wishes, or
    None where nobody is signed in there. `again`: that sign-in must prove who its person is.
    `bound_to` names the only cookie that is looked at.

    For an upstream whose protocol cannot ask for somebody else. Taken once for each refusal.
    Asking the upstream counts against the visitor's budget.
    """
    permitted = incoming.cookies_for(request, source.description)
    if bound_to:
        permitted = cookie_header.bound(permitted, bound_to)
    if incoming.session_of(request).is_logged_in or not permitted:
        return None
    try:
        plan = _plan_within_budget(request, source, permitted)
    except TooManyRequests as error:
        return answers.refuse(request, error)
    if not can_be_visited(plan.visit):
        return None
    response = answers.see_other(plan.visit)
    prefix, wanted = routes.way_of(source.slug, request.path, next_url)
    along = {"next": wanted, "again": "1" if again else "", **wishes.carried(request)}
    back = routes.login_path(source.slug, prefix, **along)
    cookies.remember(response, cookies.RETURN, back, _RETURN_SECONDS)
    cookies.forget(response, cookies.REFUSED)
    return response


def _plan_within_budget(
    request: HttpRequest, source: ConfiguredSource, permitted: Cookies
) -> LogoutPlan:
    held = Session(type=source.session_type, source=source.slug).ref()
    visit, cost = incoming.visitor(request), cookie_header.count(permitted)
    with lockout.held(visit, source.slug, cost):
        plan = source.provider.plan_logout(held, None, permitted, routes.logout_done_url())
        spent = plan.answered if plan.unanswered else cost
        if spent:
            lockout.spend_budget(visit, source.slug, spent)
    return plan

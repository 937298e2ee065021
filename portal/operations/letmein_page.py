"""`/login/letmein/<token>`: where a link from the terminal leads (docs/contract.md 7)."""

from functools import partial

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.errors import InvalidGrant
from accounts.factors import second_step
from accounts.login.sign_in import SwitchNeeded
from portal.door import answers, concluding, cookies, incoming
from portal.door.admitting import forget_before
from portal.operations import rescue

COOKIE = "letmein"
PATH = "/login/letmein/"
# What stands in the address in the place of the secret.
ENTER = "enter"


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def letmein(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to sign in, and do it at a click: what looks at links ahead uses none up.

    The secret moves into a sealed cookie at once, so that it neither stays in the address bar nor
    leaves in a Referer (RFC 9700, 4.2.4; U05).
    """
    if token != ENTER:
        return _hide(request, token)
    secret = str(cookies.recall(request, COOKIE, path=PATH) or "")
    if not secret:
        return answers.page(request, "password/closed.html", status=400)
    person = rescue.holder(secret)
    if person is None:
        return _lapsed(request)
    context = {"person": person, "other": False, "has_factor": second_step.exists(person)}
    if request.method != "POST":
        return answers.page(request, "login/letmein.html", context)
    try:
        enter, lost = partial(concluding.enter, request), "lost" in request.POST
        rescue.redeem(secret, enter, incoming.visit(request), lost=lost)
    except InvalidGrant:
        return _lapsed(request)
    except SwitchNeeded:
        return answers.page(request, "login/letmein.html", {**context, "other": True}, 409)
    response = answers.see_other(reverse("admin:index"))
    forget_before(request, response)
    return _without_cookie(response)


def _hide(request: HttpRequest, token: str) -> HttpResponse:
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    response = answers.see_other(reverse("letmein", args=[ENTER]))
    seconds = int(rescue.LIFE.total_seconds())
    cookies.remember(response, COOKIE, token[: rescue.LONGEST], seconds, path=PATH)
    return response


def _lapsed(request: HttpRequest) -> HttpResponse:
    return _without_cookie(answers.page(request, "password/lapsed.html", {}, 400))


def _without_cookie(response: HttpResponse) -> HttpResponse:
    cookies.forget(response, COOKIE, path=PATH)
    return response

"""`/account/second-factor`: set an authenticator up, change it, make new recovery codes, or take
both away. All of it soon after a sign-in, and what is there already only by who has used it.
"""

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import strength
from accounts.errors import InvalidGrant
from accounts.factors import codes, duty, keeping, second_step, totp
from accounts.factors.answer import WrongCode
from accounts.models import TotpKey, User
from accounts.session import access
from portal.door import answers, incoming, proving, ways_in
from portal.factors import shown
from portal.factors.problems import problem_of

PATH = "/account/second-factor"


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show what the person has beside a password, or do what a button says."""
    person = cast(User, request.user)
    if request.method != "POST":
        return _show(request, person)
    doing: dict[str, Callable[[HttpRequest, User], HttpResponse]] = {
        "prove": lambda *_given: answers.see_other(PATH),
        "another": lambda *_given: answers.see_other(f"{PATH}?another=1"),
        "take": _take,
        "codes": _codes,
        "remove": _remove,
    }
    act = doing.get(request.POST.get("act", ""))
    if act is None:
        raise Http404
    held_up = ways_in.refused(request, PATH)
    return held_up or _proven(request, person) or act(request, person)


def _proven(request: HttpRequest, person: User) -> HttpResponse | None:
    """Return the way to a fresh sign-in; None after one, which took the second factor where there
    is one, whichever: a password alone adds no other beside it.
    """
    return proving.prove_again(request, PATH, ways_in.proof_of(person))


def _take(request: HttpRequest, person: User) -> HttpResponse:
    try:
        made = keeping.offered(person, request.POST.get("offer", ""))
        instead = totp.exists(person)
        typed, visit = request.POST.get("code", ""), incoming.visit(request)
        fresh = keeping.take(person, made, typed, visit, instead=instead)
    except WrongCode as error:
        return _show(request, person, problem_of(error), 400)
    except (InvalidGrant, totp.AlreadyThere):
        messages.warning(request, _("The form was too old. Here is a new one."))
        return answers.see_other(PATH)
    return shown.to_codes(request, answers.see_other(PATH), fresh, PATH)


def _codes(request: HttpRequest, person: User) -> HttpResponse:
    if not totp.exists(person):
        raise Http404
    fresh = keeping.new_codes(person, incoming.visit(request))
    return shown.to_codes(request, answers.see_other(PATH), fresh, PATH)


def _remove(request: HttpRequest, person: User) -> HttpResponse:
    if duty.is_due(person):
        messages.warning(request, _("You must have a second factor here: it can only be changed."))
    elif keeping.remove(person, incoming.visit(request)):
        messages.success(request, _("Removed. From now on your password alone signs you in."))
    return answers.see_other(PATH)


def _show(
    request: HttpRequest, person: User, problem: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    session = incoming.session_of(request)
    row = TotpKey.objects.filter(user=person).first()
    fresh = access.is_recent(session, timezone.now())
    another = row is not None and ("another" in request.GET or problem is not None)
    hindrance = ways_in.hindrance(request)
    may_offer = fresh and not hindrance and (row is None or another)
    may_offer = may_offer and strength.has(session, ways_in.proof_of(person))
    usable = second_step.is_of_use(person)
    context = {
        "person": person,
        "row": row,
        "left": codes.left(person) if row else 0,
        "due": duty.due_at(person),
        "is_due": duty.is_due(person),
        "usable": usable,
        "problem": problem,
        "hindrance": hindrance,
        "offer": shown.offer(person, _offer(request, person)) if may_offer and usable else None,
        "here": "second-factor",
    }
    return answers.page(request, "account/second_factor.html", context, status)


def _offer(request: HttpRequest, person: User) -> keeping.Offer:
    try:
        return keeping.offered(person, request.POST.get("offer", ""))
    except InvalidGrant:
        return keeping.offer(person)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the recovery codes that were just made, as a page or as a file, until the person goes on
    (ten minutes at most). For the session that made them alone, also one that awaits access.
    """
    held = shown.codes_of(request)
    if held is None:
        return answers.see_other(PATH)
    fresh, next_url = held
    if request.method == "POST":
        response = answers.see_other(next_url)
        shown.forget_codes(response)
        return response
    if "download" in request.GET:
        text = "".join(f"{code}\r\n" for code in fresh)
        file = HttpResponse(text, content_type="text/plain; charset=utf-8")
        file["Content-Disposition"] = 'attachment; filename="recovery-codes.txt"'
        file["Cache-Control"] = "no-store"
        return file
    return answers.page(request, "account/recovery_codes.html", {"codes": fresh})

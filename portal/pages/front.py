"""The front page, with what there is to tell once, and the way out, which ends there."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.middleware import leaves
from accounts.models import User
from accounts.source import catalogue
from portal import conf
from portal.door import answers, cookies, incoming, leaving, onward
from portal.door.destinations import safe_destination
from portal.door.late_forms import counts_late


@login_not_required
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Show the front page, or lead to the institution's own when there is nothing to tell."""
    wanted = leaving.back_from_leaving(request)
    if wanted:
        response = onward.led_on(request, wanted)
        cookies.forget(response, cookies.RETURN)
        return response
    session = incoming.session_of(request)
    receipt = cookies.recall(request, cookies.RECEIPT)
    awaiting = session.status == User.Status.AWAITING_ACCESS
    why = incoming.cut_off(request)
    if conf.frontpage_url() and not (receipt or awaiting or why):
        return HttpResponseRedirect(conf.frontpage_url())
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    label = source.label if source else ""
    context = {"receipt": receipt, "awaiting": awaiting, "source_label": label, "why": why}
    response = answers.page(request, "front.html", context)
    leaving.drop_word(request, response)
    if receipt:
        cookies.forget(response, cookies.RECEIPT)
    return response


@counts_late
@login_not_required
@require_http_methods(["GET", "POST"])
@leaves
def leave(request: HttpRequest) -> HttpResponse:
    """Walk the chart. A GET that is not the person's own click on this site asks first."""
    values = request.POST if request.method == "POST" else request.GET
    return_to = safe_destination(values.get("return_to"))
    if request.method == "POST" or incoming.leads_away_on_purpose(request):
        return leaving.leave_at_least_here(request, return_to)
    if not incoming.session_of(request).exists:
        return answers.see_other(return_to or "/")
    return answers.page(request, "logout/confirm.html", {"return_to": return_to})


@counts_late
@login_not_required
@require_POST
def leave_again(request: HttpRequest) -> HttpResponse:
    """Try once more to sign out where nobody answered."""
    return leaving.leave_again(request)


@login_not_required
@require_safe
def formerly(request: HttpRequest) -> HttpResponse:
    """Lead on from the address that the counters' clients still know (docs/contract.md 5)."""
    query = request.META.get("QUERY_STRING", "")
    return answers.see_other(f"/auth/logout?{query}" if query else "/auth/logout")


@login_not_required
@require_safe
def done(request: HttpRequest) -> HttpResponse:
    """Come back from an upstream's logout. Its state, right or wrong, decides nothing."""
    wanted = leaving.back_from_leaving(request)
    response = onward.led_on(request, wanted) if wanted else answers.see_other("/")
    if wanted:
        cookies.forget(response, cookies.RETURN)
    return response


@login_not_required
@require_safe
def left_elsewhere(request: HttpRequest) -> HttpResponse:
    """Hear from an upstream that shares its session that its person left there.

    Only a session of such a source ends; then back to the upstream's front page.
    """
    return leaving.left_elsewhere(request)


@login_not_required
@require_safe
def go_on(request: HttpRequest, key: str) -> HttpResponse:
    """Lead to where a form of this site leads abroad, without a redirect."""
    return onward.page_of(request, key)

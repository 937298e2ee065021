"""The front page: who is signed in, the way in or out, and what there is to tell once."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.source import catalogue
from portal import conf
from portal.door import answers, cookies, incoming, leaving


@login_not_required
@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Lead to the icon, for browsers and pages that look for it at the root."""
    return HttpResponseRedirect(static("favicon.svg"))


@login_not_required
@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """Show the front page, or lead to the institution's own when there is nothing to tell."""
    onward = leaving.back_from_leaving(request)
    if onward:
        response: HttpResponse = answers.see_other(onward)
        cookies.forget(response, cookies.RETURN)
        return response
    session = incoming.session_of(request)
    receipt = cookies.recall(request, cookies.RECEIPT)
    awaiting = session.status == User.Status.AWAITING_ACCESS
    if conf.frontpage_url() and not receipt and not awaiting:
        return HttpResponseRedirect(conf.frontpage_url())
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    label = source.label if source else ""
    context = {"receipt": receipt, "awaiting": awaiting, "source_label": label}
    response = answers.page(request, "front.html", context)
    if receipt:
        cookies.forget(response, cookies.RECEIPT)
    return response

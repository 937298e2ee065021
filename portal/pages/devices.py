"""The account page of the browsers that are known as a person's: trust one, end the trust."""

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import conf
from accounts.keyring import digest
from accounts.login import new_device
from accounts.models import KnownDevice, User
from accounts.session import devices as known
from portal.door import answers, devices, incoming
from portal.door.user_agents import device_name

PATH = "/account/devices"
_LONGEST_KEY = 18


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """List the person's known browsers; trust this one, or end the trust in one."""
    person = cast(User, request.user)
    if request.method == "POST":
        return _trust(request) if "trust" in request.POST else _forget(request, person)
    here = {digest(secret) for secret in devices.secrets_of(request)}
    rows = [_row(each, here) for each in known.of_person(person.pk)]
    is_known = any(row["current"] for row in rows)
    context = {
        "rows": rows,
        "may_trust": _may_trust(request, is_known),
        "mails": conf.new_device_mail() and bool(person.email) and person.email_verified,
    }
    return answers.page(request, "account/devices.html", context)


def _may_trust(request: HttpRequest, is_known: bool) -> bool:
    return not is_known and not incoming.session_of(request).shared


def _trust(request: HttpRequest) -> HttpResponse:
    """Trust this browser. At a shared computer there is no such thing."""
    session, visit = incoming.session_of(request), incoming.visit(request)
    if session.shared:
        raise Http404
    secret = new_device.trust(visit, session.uid, device_name(visit.user_agent))
    response = answers.see_other(PATH)
    names = dict.fromkeys([session.username or session.subject, session.subject])
    devices.remember(request, response, [(session.source, name) for name in names], secret)
    messages.success(request, _("This browser is trusted from now on."))
    return response


def _forget(request: HttpRequest, person: User) -> HttpResponse:
    key = request.POST.get("forget", "")
    pk = int(key) if key.isascii() and key.isdecimal() and len(key) < _LONGEST_KEY else 0
    if not known.forget(person.pk, pk, incoming.visit(request)):
        return answers.over_already(request, PATH)
    messages.success(request, _("The trust in that browser has ended."))
    return answers.see_other(PATH)


def _row(each: KnownDevice, here: set[str]) -> dict[str, Any]:
    return {
        "pk": each.pk,
        "device": device_name(each.user_agent),
        "address": each.address,
        "seen": each.last_seen_at,
        "since": each.created_at,
        "current": each.digest in here,
    }

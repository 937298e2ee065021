"""What a patron's token opens elsewhere: Adgangsplatformen's userinfo, and FBS's patron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from tests.sandbox.cms import controls, visitors
from tests.sandbox.cms.patrons import LOCKED_OUT, REGISTERED, UNREGISTERED, Person


@require_safe
def userinfo(request: HttpRequest) -> HttpResponseBase:
    """Say who the bearer is (docs/threats.md 2.2)."""
    return _answer(request, _attributes)


@require_safe
def patron(request: HttpRequest) -> HttpResponseBase:
    """Say which patron of this library the bearer is, if any (docs/threats.md 2.4)."""
    if controls.is_on(controls.NO_PATRONS):
        return HttpResponse("Service unavailable", status=503)
    return _answer(request, _card)


def _attributes(person: Person) -> dict[str, Any]:
    known = {} if controls.is_on(controls.NO_PERSON) else person.attributes
    return {"attributes": {**known, "agencies": []}}


def _card(person: Person) -> dict[str, Any]:
    if controls.is_on(controls.LOCKED_OUT):
        return {"authenticateStatus": LOCKED_OUT, "patron": None}
    if not person.is_registered:
        return {"authenticateStatus": UNREGISTERED, "patron": None}
    known = {"patronId": person.number, "name": person.name, "blockStatus": None}
    return {"authenticateStatus": REGISTERED, "patron": known}


def _answer(request: HttpRequest, of: Callable[[Person], dict[str, Any]]) -> HttpResponseBase:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    person = visitors.bearer(token) if scheme == "Bearer" else None
    if person is None:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return JsonResponse(of(person))

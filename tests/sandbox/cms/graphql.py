"""The CMS's GraphQL, as far as another site asks it (docs/threats.md 2.1).

It reads no GraphQL: which fields a question names decides what is answered.
"""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tests.sandbox.cms import conf, controls, visitors
from tests.sandbox.cms.patrons import Person

_PARTS = ("goConfiguration", "dplTokens", "private")


@csrf_exempt  # for servers
@require_POST
def graphql(request: HttpRequest) -> HttpResponseBase:
    """Answer our own user (HTTP Basic) or a patron (by cookie); strangers get 403."""
    by_user, person = _is_our_user(request), visitors.of(request)
    query = str(json.loads(request.body).get("query", ""))
    for part in _PARTS:
        if part in query:
            controls.count(f"graphql:{part}")
    if request.headers.get("Authorization") and request.headers.get("Cookie"):
        controls.count("graphql:as-both")
    spoilt = _spoilt()
    if spoilt is not None:
        return spoilt
    if not by_user and person is None:
        return JsonResponse(
            {"message": "The 'execute graphql' permission is required."}, status=403
        )
    data: dict[str, Any] = {}
    if "goConfiguration" in query:
        data["goConfiguration"] = {"public": _addresses()}
    if "dplTokens" in query:
        data["dplTokens"] = {"adgangsplatformen": {"user": _token(None if by_user else person)}}
    return JsonResponse({"data": data})


def _is_our_user(request: HttpRequest) -> bool:
    scheme, _space, proof = request.headers.get("Authorization", "").partition(" ")
    try:
        told = base64.b64decode(proof).decode() if scheme == "Basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return False
    return told == f"{conf.GRAPHQL_USER}:{conf.GRAPHQL_PASSWORD}"


def _spoilt() -> HttpResponseBase | None:
    """Return what is answered instead, on a bad day."""
    match controls.current():
        case controls.ERRORS:
            return JsonResponse({"errors": [{"message": "Internal server error"}], "data": None})
        case controls.HTML:
            return HttpResponse("<!doctype html><title>Maintenance</title>")
        case controls.HUGE:
            return HttpResponse(b"[" + b" " * 1_000_000 + b"]", content_type="application/json")
        case controls.SHAPELESS:
            return JsonResponse({"data": {"goConfiguration": 1, "dplTokens": ["?"]}})
    return None


def _addresses() -> dict[str, Any]:
    here = "http://127.0.0.1:9" if controls.is_on(controls.ELSEWHERE) else conf.cms_origin()
    login = f"{here}/login?current-path=/go-login"
    logout = f"{here}/logout?current-path=/go-logout"
    if controls.is_on(controls.NO_LOGIN):
        return {"loginUrls": {"adgangsplatformen": None}, "logoutUrls": None}
    return {
        "loginUrls": {"adgangsplatformen": login},
        "logoutUrls": {"adgangsplatformen": logout},
    }


def _token(person: Person | None) -> dict[str, Any] | None:
    held = visitors.token_of(person) if person else None
    if held is None or controls.is_on(controls.NO_TOKEN):
        return None
    if controls.is_on(controls.OLD_SHAPE):
        return {"token": held.token, "expire": held.ends}
    time = datetime.fromtimestamp(held.ends, UTC).isoformat()
    return {
        "token": held.token,
        "expire": {"timestamp": held.ends, "timezone": "UTC", "offset": "+00:00", "time": time},
    }

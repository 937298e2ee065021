"""Introspection (RFC 7662) and revocation (RFC 7009)."""

from __future__ import annotations

from typing import Any

import jwt
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.errors import InvalidRequest
from tests.sandbox import grants
from tests.sandbox.answers import for_servers
from tests.sandbox.client_authentication import authenticated
from tests.sandbox.oauth_errors import UnauthorizedClient
from tests.sandbox.realms import Realm


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
@for_servers
def introspect(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Tell a confidential client whether a token counts, and whose it is."""
    authenticated(request, realm, confidential=True)
    token = _token(request)
    found = grants.find(token)
    if found is None or found[1].realm != realm.name:
        return JsonResponse({"active": False})
    kind, grant = found
    answer: dict[str, Any] = {
        "active": True,
        "iss": realm.issuer,
        "sub": grant.subject,
        "sid": grant.sid,
        "client_id": grant.client_id,
        "scope": grant.scope,
    }
    persona = realm.persona(grant.subject)
    if persona is not None and "preferred_username" in persona.claims:
        answer["username"] = persona.claims["preferred_username"]
    if kind == grants.ACCESS:
        said = jwt.decode(token, options={"verify_signature": False})  # it is in our own books
        answer |= {"token_type": "Bearer", "aud": said["aud"]}
        answer |= {"iat": said["iat"], "exp": said["exp"]}
    return JsonResponse(answer)


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
@for_servers
def revoke(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """End a token; one that does not count is as good as ended (RFC 7009, 2.2)."""
    client = authenticated(request, realm)
    token = _token(request)
    found = grants.find(token)
    if found is not None:
        kind, grant = found
        if grant.client_id != client.client_id or grant.realm != realm.name:
            raise UnauthorizedClient("The token was issued to another client.")
        grants.revoke(token, kind, grant)
    return HttpResponse()


def _token(request: HttpRequest) -> str:
    token = request.POST.get("token", "")
    if not token:
        raise InvalidRequest("A parameter is missing: token.")
    return token

"""The userinfo endpoint (OIDC Core, 5.3)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tests.sandbox import grants
from tests.sandbox.answers import for_servers
from tests.sandbox.oauth_errors import InvalidToken
from tests.sandbox.realms import Realm


@csrf_exempt  # the bearer token is the only credential
@require_http_methods(["GET", "POST"])
@for_servers
def userinfo(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Say what the token's scopes open of its person."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = grants.find(token) if scheme.lower() == "bearer" else None
    if found is None or found[0] != grants.ACCESS or found[1].realm != realm.name:
        raise InvalidToken("The access token is missing, unknown, expired or revoked.")
    grant = found[1]
    persona = realm.persona(grant.subject)
    if persona is None:
        raise InvalidToken("Its person is no longer known.")
    return JsonResponse(persona.claims_for(grant.scope))

"""The token endpoint (RFC 6749, 3.2)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.errors import InvalidGrant, InvalidRequest
from tests.sandbox import faults, grants, tokens
from tests.sandbox.answers import for_servers
from tests.sandbox.client_authentication import authenticated
from tests.sandbox.clients import Client
from tests.sandbox.grants import Grant
from tests.sandbox.oauth_errors import UnsupportedGrantType
from tests.sandbox.realms import Realm


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
@for_servers
def token(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Turn a code or a refresh token into tokens."""
    client = authenticated(request, realm)
    grant = _granted(request, client)
    if grant.realm != realm.name:
        raise InvalidGrant("It was issued by another realm.")
    return JsonResponse(tokens.response(realm, grant))


def _granted(request: HttpRequest, client: Client) -> Grant:
    if faults.switch.is_on(faults.REFUSES):
        raise InvalidGrant("The provider refuses at the moment.")
    grant_type = _needed(request, "grant_type")
    if grant_type == "authorization_code":
        code, redirect_uri = _needed(request, "code"), _needed(request, "redirect_uri")
        verifier = _needed(request, "code_verifier")
        return grants.redeem_code(client, code, redirect_uri, verifier)
    if grant_type == "refresh_token":
        return grants.redeem_refresh_token(client, _needed(request, "refresh_token"))
    raise UnsupportedGrantType("The grant_type is neither authorization_code nor refresh_token.")


def _needed(request: HttpRequest, name: str) -> str:
    value = request.POST.get(name, "")
    if not value:
        raise InvalidRequest(f"A parameter is missing: {name}.")
    return value

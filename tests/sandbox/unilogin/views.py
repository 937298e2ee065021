"""What the broker answers otherwise than the sandbox's OpenID provider, and the stand-in's page."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import InvalidGrant, InvalidRequest
from tests.sandbox import answers, conf, faults, grants, sessions
from tests.sandbox.answers import SeeOther
from tests.sandbox.client_authentication import authenticated
from tests.sandbox.clients import Client
from tests.sandbox.grants import Grant
from tests.sandbox.oauth_errors import UnsupportedGrantType
from tests.sandbox.realms import Realm
from tests.sandbox.unilogin import faults as own_faults
from tests.sandbox.unilogin import tokens
from tests.sandbox.unilogin.broker import BROKER, claims_of
from tests.sandbox.views import discovery, token_care

# Endpoint in the document -> path below the issuer, as Unilogin's broker has them.
ENDPOINTS = {
    "authorization_endpoint": "protocol/openid-connect/auth",
    "token_endpoint": "protocol/openid-connect/token",
    "introspection_endpoint": "protocol/openid-connect/token/introspect",
    "userinfo_endpoint": "protocol/openid-connect/userinfo",
    "end_session_endpoint": "protocol/openid-connect/logout",
    "jwks_uri": "protocol/openid-connect/certs",
}


@require_safe
def configuration(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Show the document (OIDC Discovery, 3): what the sandbox's provider does, at other paths."""
    document = discovery.document(realm)
    document.pop("revocation_endpoint")
    document.pop("revocation_endpoint_auth_methods_supported")
    document |= {name: f"{realm.issuer}/{path}" for name, path in ENDPOINTS.items()}
    document |= {
        "scopes_supported": ["openid"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "backchannel_logout_supported": False,
        "backchannel_logout_session_supported": False,
    }
    return JsonResponse(document, headers={"Cache-Control": "max-age=60"})


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
@answers.for_servers
def token(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Turn a code or a refresh token into tokens."""
    client = authenticated(request, realm, confidential=True)
    if faults.switch.is_on(faults.REFUSES):
        raise InvalidGrant("The broker refuses at the moment.")
    grant = _granted(request, client)
    if grant.realm != realm.name:
        raise InvalidGrant("It was issued by another realm.")
    return JsonResponse(tokens.response(grant))


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
@answers.for_servers
def introspect(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Tell what the sandbox's provider tells, and whose pupil or teacher it is."""
    answer = token_care.introspect(request, realm)
    if not isinstance(answer, HttpResponse) or answer.status_code != 200:
        return answer
    said = json.loads(answer.content)
    return JsonResponse({**said, **claims_of(said.get("sub", ""))})


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponseBase:
    """Show who is signed in at the broker, and how the institution service is today."""
    session = sessions.of(request, BROKER)
    context = {
        "realm": BROKER,
        "person": BROKER.persona(session.subject) if session else None,
        "kinds": own_faults.switch.kinds,
        "current": own_faults.switch.current,
        "site": conf.site_origin(),
    }
    return render(request, "sandbox/unilogin.html", context)


@require_POST
def choose_fault(request: HttpRequest) -> HttpResponseBase:
    """Switch to the chosen fault of the institution service."""
    if not own_faults.switch.choose(request.POST.get("trouble", "")):
        return HttpResponse(status=400)
    return SeeOther("/unilogin/")


def _granted(request: HttpRequest, client: Client) -> Grant:
    given = request.POST
    match given.get("grant_type", ""):
        case "authorization_code":
            return grants.redeem_code(
                client,
                given.get("code", ""),
                given.get("redirect_uri", ""),
                given.get("code_verifier", ""),
            )
        case "refresh_token":
            return grants.redeem_refresh_token(client, given.get("refresh_token", ""))
        case "":
            raise InvalidRequest("A parameter is missing: grant_type.")
    raise UnsupportedGrantType("The grant_type is neither authorization_code nor refresh_token.")

"""What the provider says of itself (OpenID Connect Discovery 1.0), and its keys."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from tests.sandbox import authorization_request, client_authentication, keys
from tests.sandbox.personas import CLAIMS_OF_SCOPE
from tests.sandbox.realms import Realm

LANGUAGES = ["da", "de", "en"]
# Endpoint in the document -> path below the issuer (tests/sandbox/openid_urls.py).
ENDPOINTS = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "userinfo_endpoint": "userinfo",
    "jwks_uri": "jwks",
    "introspection_endpoint": "introspect",
    "revocation_endpoint": "revoke",
    "end_session_endpoint": "end_session",
}


@require_safe
def configuration(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Show the document (OIDC Discovery, 3; RFC 8414, 2)."""
    return _for_everybody(document(realm))


@require_safe
def jwks(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Show the public key (RFC 7517, 5)."""
    return _for_everybody(keys.jwks())


def document(realm: Realm) -> dict[str, Any]:
    """Return the document, made from the same values that the endpoints work with."""
    confidential = [each for each in client_authentication.METHODS if each != "none"]
    claims = {name for names in CLAIMS_OF_SCOPE.values() for name in names}
    return {
        "issuer": realm.issuer,
        **{name: f"{realm.issuer}/{path}" for name, path in ENDPOINTS.items()},
        "scopes_supported": list(CLAIMS_OF_SCOPE),
        "response_types_supported": ["code"],
        "response_modes_supported": list(authorization_request.RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [keys.ALGORITHM],
        "token_endpoint_auth_methods_supported": list(client_authentication.METHODS),
        "revocation_endpoint_auth_methods_supported": list(client_authentication.METHODS),
        "introspection_endpoint_auth_methods_supported": confidential,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(authorization_request.PROMPTS),
        "claims_supported": sorted(
            claims | {"iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "amr", "at_hash"}
        ),
        "ui_locales_supported": LANGUAGES,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }


def _for_everybody(body: dict[str, Any]) -> HttpResponseBase:
    headers = {"Cache-Control": "max-age=60", "Access-Control-Allow-Origin": "*"}
    return JsonResponse(body, headers=headers)

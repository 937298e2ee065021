"""What clients find out by themselves, generated from what is served (OIDC Discovery 1.0, 3; RFC
8414, 2; RFC 9728, 2), or an upstream's own document. A test calls all that ours lists.
"""

from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from oauth2_provider.settings import oauth2_settings

from accounts import conf
from accounts.strength import Strength
from portal import conf as portal_conf
from portal.authorization_server import asked, elsewhere, issued, keys, token, wire
from portal.authorization_server.models import Client
from portal.authorization_server.registration import ASSERTION_ALGORITHMS

_MINUTES = 300
ENDPOINTS = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "pushed_authorization_request_endpoint": "/oauth/par",
    "device_authorization_endpoint": "/oauth/device_authorization",
    "userinfo_endpoint": "/oauth/userinfo",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_endpoint": "/oauth/revoke",
    "end_session_endpoint": "/oauth/logout",
    "jwks_uri": "/oauth/jwks",
}


@wire.endpoint("GET", origins=wire.Origins.ALL, public_for=_MINUTES)
def metadata(request: HttpRequest) -> HttpResponseBase:
    """Describe the authorization server, at both of its well-known addresses."""
    return JsonResponse(elsewhere.document() or _metadata())


@wire.endpoint("GET", origins=wire.Origins.ALL, public_for=_MINUTES)
def protected_resource(request: HttpRequest) -> HttpResponseBase:
    """Describe the API, and whose access tokens it takes (RFC 9728, 2)."""
    site = conf.site_url()
    server = elsewhere.issuer() if elsewhere.takes_its_tokens() else site
    scopes = {"scopes_supported": list(oauth2_settings.SCOPES)} if server == site else {}
    return JsonResponse(
        {
            "resource": site,
            "authorization_servers": [server],
            "jwks_uri": f"{site}/oauth/jwks",
            **scopes,
            "bearer_methods_supported": ["header"],
            "resource_name": portal_conf.institution()["name"],
        }
    )


@wire.endpoint("GET", origins=wire.Origins.ALL, public_for=_MINUTES)
def jwks(request: HttpRequest) -> HttpResponseBase:
    """Publish the keys by which id_tokens and logout tokens are verified (RFC 7517, 5)."""
    return JsonResponse({"keys": keys.published()}, content_type="application/jwk-set+json")


def _metadata() -> dict[str, Any]:
    site = conf.site_url()
    methods = [str(each) for each in Client.Method.values]
    proving = [each for each in methods if each != Client.Method.NONE]
    return {
        "issuer": site,
        **{name: site + path for name, path in ENDPOINTS.items()},
        "scopes_supported": list(oauth2_settings.SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(asked.RESPONSE_MODES),
        "grant_types_supported": list(token.SERVED),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": keys.algorithms(),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": proving,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": list(asked.PROMPTS),
        "claims_supported": [
            *("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"),
            *("at_hash", *issued.CLAIMS),
        ],
        "acr_values_supported": [each.word for each in Strength],
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
        "require_pushed_authorization_requests": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "ui_locales_supported": list(portal_conf.languages()),
    }

"""What the description at `/api/schema/` says beside the shapes: examples, headers, health."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, PolymorphicProxySerializer
from rest_framework import serializers as s

from portal.api import shapes

CSRF = OpenApiParameter(
    "X-CSRFToken",
    str,
    OpenApiParameter.HEADER,
    description="Needed with the session cookie: the value of the header `X-CSRFToken` that each "
    "answer to a GET of `/auth/session` brings. Not needed with an access token.",
)
TOKENS_KEY = OpenApiParameter(
    "tokens_key",
    str,
    OpenApiParameter.COOKIE,
    required=True,
    description="Set at the end of a sign-in by `/openid/{slug}/login`, for 120 seconds. The "
    "identifier must be the same, and the session's cookie that of the sign-in.",
)
_USERNAME = s.CharField(max_length=1024, help_text="The username, or what the source asks for.")
_PASSWORD = s.CharField(max_length=4096)
_SOURCE = s.CharField(
    max_length=50, required=False, help_text="The slug of the source that takes the password."
)
_OTP = s.CharField(
    max_length=50, required=False, help_text="The code of a second factor, or a recovery code."
)
_BESIDE = {"source": _SOURCE, "otp": _OTP}
_TOKEN = s.CharField(max_length=200, help_text="It counts once; the answer holds the next one.")
_Flat = shapes.shape("RefreshToken", refresh_token=_TOKEN)
CREDENTIALS = PolymorphicProxySerializer(
    "CredentialsOrBasic",
    [
        shapes.shape("Credentials", username=_USERNAME, password=_PASSWORD, **_BESIDE),
        shapes.shape("BesideBasic", **_BESIDE),
    ],
    resource_type_field_name=None,
)
REFRESH = PolymorphicProxySerializer(
    "RefreshTokenInEitherPlace",
    [_Flat, shapes.shape("WrappedRefreshToken", sessionToken=_Flat())],
    resource_type_field_name=None,
)
_PAIR = {
    "access_token": "vsta_Jx3...",
    "refresh_token": "vstr_9fQ...",
    "token_type": "bearer",
    "expires": 3600,
    "expires_in": 3600,
}
_CREDENTIALS = {"username": "alice", "password": "correct horse battery staple", "source": "local"}
PAIR_ISSUED = OpenApiExample("A token pair", _PAIR, response_only=True, status_codes=["200"])
LOGIN_EXAMPLES = [
    OpenApiExample("By JSON", _CREDENTIALS, request_only=True),
    OpenApiExample("By HTTP Basic, at a source", {"source": "local"}, request_only=True),
    PAIR_ISSUED,
]
REFRESH_EXAMPLES = [
    OpenApiExample("Flat", {"refresh_token": "vstr_9fQ..."}, request_only=True),
    OpenApiExample(
        "Wrapped", {"sessionToken": {"refresh_token": "vstr_9fQ..."}}, request_only=True
    ),
    PAIR_ISSUED,
]
SESSION_EXAMPLES = [
    OpenApiExample(
        "Nobody", {"isLoggedIn": False, "type": "anonymous"}, response_only=True,
        status_codes=["200"],
    ),
    OpenApiExample(
        "Somebody",
        {
            "isLoggedIn": True,
            "type": "local",
            "source": "local",
            "status": "active",
            "user": {"name": "Alice", "username": "alice"},
            "expires": "2030-01-01T20:00:00+00:00",
            "refresh_expires": None,
        },
        response_only=True,
        status_codes=["200"],
    ),
]  # fmt: skip


def add_health(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Add what operators' machines ask (docs/contract.md 7), which is no view of the API's."""
    part = {"type": "string", "enum": ["ok", "unavailable"]}
    each = {"type": "string", "enum": ["ok", "trouble", "unreadable"]}
    sources = {"type": "object", "additionalProperties": each}
    parts = {"database": part, "cache": part, "sources": sources}
    state = {"type": "object", "properties": parts}
    alive = {"type": "object", "properties": {"status": {"type": "string", "enum": ["alive"]}}}
    whole = {"description": "Database and cache can be used."}
    broken = {"description": "One of them cannot: the body names it."}
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "/healthz": ("The process is alive.", {"200": _json(alive, description="It is.")}),
        "/readyz": (
            "Whether the site can do its work.",
            {"200": _json(state, **whole), "503": _json(state, **broken)},
        ),
    }
    for path, (said, responses) in asked.items():
        name = path.strip("/")
        told = {"operationId": name, "description": said, "tags": ["health"], "security": [{}]}
        result["paths"][path] = {"get": {**told, "responses": responses}}
    return result


def _json(schema: dict[str, Any], **more: str) -> dict[str, Any]:
    needed = {**schema, "required": list(schema["properties"])}
    return {**more, "content": {"application/json": {"schema": needed}}}

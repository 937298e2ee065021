"""The shapes of what is asked and answered, for the description at `/api/schema/`.

They describe; the views build their answers themselves, by allow-list.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, inline_serializer
from rest_framework import serializers as s

from portal import conf


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer` (RFC 6750, 2.1)."""

    target_class = "portal.api.authentication.BearerAuthentication"
    match_subclasses = True
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return OpenAPI's words for it."""
        return {"type": "http", "scheme": "bearer"}


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The session cookie; writes need the CSRF token in `X-CSRFToken` as well."""

    target_class = "portal.api.authentication.TypedSessionAuthentication"
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return OpenAPI's words for it."""
        return {"type": "apiKey", "in": "cookie", "name": conf.session_cookie()}


def shape(name: str, /, **fields: Any) -> Any:
    """Return a shape by the name that the description gives it."""
    return inline_serializer(name, fields)


def failing(*statuses: int) -> dict[int, Any]:
    """Return the refusals of a route: each says what RFC 6749, 5.2 has it say."""
    return {status: OpenApiResponse(FAILURE) for status in statuses}


def _maybe(kind: Any, **more: Any) -> Any:
    return kind(required=False, **more)


def _blank() -> Any:
    return s.CharField(allow_blank=True)


FAILURE = shape(
    "Failure",
    error=s.CharField(),
    error_description=s.CharField(),
)
# The upstream has ended the session.
EXPIRED = shape(
    "Expired",
    error=s.CharField(),
    error_description=s.CharField(),
    loginUrl=_maybe(s.URLField),
)
# HTTP Basic may say the first two instead.
CREDENTIALS = shape(
    "Credentials",
    username=_maybe(s.CharField),
    password=_maybe(s.CharField),
    source=_maybe(s.CharField),
)
# Flat, or inside `sessionToken` as older front ends send it.
REFRESH_TOKEN = shape(
    "RefreshToken",
    refresh_token=_maybe(s.CharField),
    sessionToken=_maybe(shape("SessionToken", refresh_token=s.CharField()).__class__),
)
IDENTIFIER = shape(
    "Identifier",
    identifier=s.CharField(),
)
# `expires` and `expires_in` are the access token's life in seconds.
TOKEN_PAIR = shape(
    "TokenPair",
    access_token=s.CharField(),
    refresh_token=s.CharField(),
    token_type=s.ChoiceField(["bearer"]),
    expires=s.IntegerField(),
    expires_in=s.IntegerField(),
)
DEPARTURE = shape(
    "Departure",
    ended=s.BooleanField(),
    upstream=s.ChoiceField(["ended", "pending", "visit", "none"]),
    logoutUrl=_maybe(s.URLField),
)
# Null where the upstream does not say when its token ends.
UPSTREAM_TOKEN = shape(
    "UpstreamToken",
    access_token=s.CharField(),
    token_type=s.CharField(),
    expires_in=s.IntegerField(allow_null=True),
    expires=s.DateTimeField(allow_null=True),
)
PROVIDER = shape(
    "Provider",
    name=s.CharField(),
    loginUrl=s.URLField(),
    label=s.CharField(),
)
SOURCE = shape(
    "Source",
    slug=s.CharField(),
    label=s.CharField(),
    type=s.CharField(),
    kind=s.ChoiceField(["redirect", "form"]),
    loginUrl=s.URLField(),
    trouble=shape("Trouble", since=s.DateTimeField(), note=_blank()).__class__(allow_null=True),
)
# An anonymous session has the first two only; the provider's public claims join.
SESSION = shape(
    "Session",
    isLoggedIn=s.BooleanField(),
    type=s.CharField(),
    source=_maybe(s.CharField),
    status=_maybe(s.ChoiceField, choices=["active", "awaiting_access"]),
    user=_maybe(shape("SessionUser", name=_blank(), username=_blank()).__class__),
    expires=_maybe(s.DateTimeField, allow_null=True),
    refresh_expires=_maybe(s.DateTimeField, allow_null=True),
)
_GROUP = shape("Group", id=s.IntegerField(), groupName=s.CharField(), description=_blank())
_ATTRIBUTE = shape("Attribute", name=s.CharField(), value=s.CharField())
_PERSON = shape(
    "Person",
    id=s.IntegerField(),
    name=s.CharField(),
    role=s.ChoiceField(["ADMIN", "USER"]),
    enabled=s.BooleanField(),
    groups=shape("Groups", group=_GROUP.__class__(many=True)),
    attribute=_ATTRIBUTE.__class__(many=True, required=False),
)
DETAILS = shape("Details", User=_PERSON)

"""The shapes of the answers, for the description at `/api/schema/`.

They describe; the views build their answers themselves, by allow-list.
"""

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers as s


def shape(title: str, /, *texts: str, **fields: Any) -> type[s.Serializer[Any]]:
    """Return a serialiser by the name that the description gives it: `texts` are strings."""
    return type(title, (s.Serializer,), {each: s.CharField() for each in texts} | fields)


_WHY = {
    400: "The request is malformed, or a member is missing, repeated or too long.",
    401: "Nobody is signed in, or what was given does not fit.",
    403: "Known, but not let in; or the CSRF token is missing or wrong.",
    404: "There is nothing under this name, or not any more.",
    413: "The body is larger than any of ours.",
    415: "The body is neither JSON nor a form.",
    429: "Too many attempts: `Retry-After` says when to try again.",
    503: "An upstream does not answer: `Retry-After` says when to try again.",
}


def ended() -> dict[int, OpenApiResponse]:
    """Return the refusal of a route that the upstream has a say in."""
    return {401: OpenApiResponse(Expired, "Sign in again: at `loginUrl`, where it is named.")}


def failing(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the refusals of a route: each says what RFC 6749, 5.2 has it say."""
    return {status: OpenApiResponse(Failure, _WHY[status]) for status in statuses}


_Url, _Text = s.URLField, partial(s.CharField, allow_blank=True)

Failure = shape("Failure", "error", "error_description")
# The upstream has ended the session.
Expired = shape("Expired", "error", "error_description", loginUrl=_Url(required=False))
# `expires` and `expires_in` are the access token's life in seconds.
TokenPair = shape(
    "TokenPair",
    "access_token",
    "refresh_token",
    token_type=s.ChoiceField(["bearer"]),
    expires=s.IntegerField(),
    expires_in=s.IntegerField(),
)
Departure = shape(
    "Departure",
    ended=s.BooleanField(),
    upstream=s.ChoiceField(["ended", "pending", "visit", "none", "unanswered"]),
    logoutUrl=_Url(required=False),
)
# Null where the upstream does not say when its token ends.
UpstreamToken = shape(
    "UpstreamToken",
    "access_token",
    "token_type",
    expires_in=s.IntegerField(allow_null=True),
    expires=s.DateTimeField(allow_null=True),
)
Provider = shape("Provider", "name", "label", loginUrl=_Url())
_Trouble = shape("Trouble", since=s.DateTimeField(), note=_Text())
Source = shape(
    "Source",
    "slug",
    "label",
    "type",
    kind=s.ChoiceField(["redirect", "form"]),
    loginUrl=_Url(),
    logo=s.CharField(allow_null=True, help_text="A data: URL of a PNG or WebP (RFC 2397)."),
    trouble=_Trouble(allow_null=True),
)
# An anonymous session has the first two only; the provider's public claims join.
Session = shape(
    "Session",
    "type",
    isLoggedIn=s.BooleanField(),
    source=s.CharField(required=False),
    status=s.ChoiceField(["active", "awaiting_access"], required=False),
    user=shape("SessionUser", name=_Text(), username=_Text())(required=False),
    expires=s.DateTimeField(required=False, allow_null=True),
    refresh_expires=s.DateTimeField(required=False, allow_null=True),
)
_Group = shape("Group", "groupName", id=s.IntegerField(), description=_Text())
_Person = shape(
    "Person",
    "name",
    id=s.IntegerField(),
    role=s.ChoiceField(["ADMIN", "USER"], help_text="ADMIN has all rights, in this session."),
    enabled=s.BooleanField(),
    groups=shape("Groups", group=_Group(many=True))(),
    attribute=shape("Attribute", "name", "value")(many=True, required=False),
)
Details = shape("Details", User=_Person())

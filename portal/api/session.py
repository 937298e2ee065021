"""The caller, for a front end that draws its page: session, details, the upstream's token."""

import hashlib
import json
from collections.abc import Collection
from typing import Any

from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import AccessDenied, InvalidGrant, TemporarilyUnavailable
from accounts.session import vault
from accounts.session.typed import Session
from accounts.source import catalogue
from portal.api import callers, described, shapes
from portal.api.json_view import JsonView, OpenView
from portal.door import incoming, keeping, leaving, routes
from portal.tokens.token_errors import InvalidToken, SessionExpired

_OF_NOBODY = ("isLoggedIn", "type", "source", "status", "expires", "refresh_expires")


class TellingBearer(callers.BearerAuthentication):
    """Treats an invalid token, and one of somebody who is not let in, as an anonymous session."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        """Return the person and the session; an anonymous one for a token that does not count."""
        try:
            return super().authenticate(request) or (None, None)
        except (InvalidToken, AccessDenied):
            return None, Session()


class SessionView(OpenView):
    """`GET /auth/session`: 200 for anonymous people too (docs/contract.md 1)."""

    authentication_classes = (TellingBearer,)

    @extend_schema(
        operation_id="auth_session",
        responses={200: shapes.Session, 304: None, **shapes.failing(400)},
        examples=described.SESSION_EXAMPLES,
        auth=[{"bearer": []}, {"cookie": []}, {}],  # type: ignore[list-item]  # as OpenAPI has it
    )
    def get(self, request: Request) -> Response:
        """Return the public part of the typed session; 304 when the caller has it already."""
        known = request.auth
        session = known if isinstance(known, Session) else incoming.session_of(request._request)
        if known is None and "HTTP_AUTHORIZATION" not in request.META:
            keeping.keep(request._request)
        body = _let_out(session, callers.granted_to(request))
        if "CSRF_COOKIE" not in request.META:  # then a front end has none yet
            get_token(request._request)
        token = request.META["CSRF_COOKIE"]  # as it is: a header is never packed (BREACH)
        tag = '"' + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32] + '"'
        headers = {"ETag": tag, "Vary": "Cookie, Authorization", "X-CSRFToken": token}
        known_tags = parse_etags(request.headers.get("If-None-Match", ""))
        same = "*" in known_tags or tag in (each.removeprefix("W/") for each in known_tags)
        response = Response(None if same else body, 304 if same else 200, headers=headers)
        leaving.keep_word(request._request, response)
        return response


def _let_out(session: Session, granted: Collection[str] | None) -> dict[str, Any]:
    """Return what the caller may see of a session: a token without `profile` shows nobody."""
    body = session.public()
    if granted is None or "profile" in granted or not session.is_logged_in:
        return body
    return {name: body[name] for name in _OF_NOBODY}


class MayReadPerson(callers.SignedIn):
    """Admits people, and clients that may see their name and groups."""

    scopes = ("profile", "groups")


class DetailsView(JsonView):
    """`GET /users/user/details` (docs/contract.md 2)."""

    permission_classes = (MayReadPerson,)

    @extend_schema(
        operation_id="users_user_details",
        parameters=[OpenApiParameter("includeattributes", bool, default=False)],
        responses={200: shapes.Details, **shapes.failing(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        """Return the person, with attributes when asked for by `includeattributes=true`."""
        person: Any = request.user
        groups = person.groups.order_by("name").values_list("pk", "name")
        body: dict[str, Any] = {
            "id": person.pk,
            "name": person.username,
            # Whoever may decide everything, as in MapStore: staff may be somebody who only looks.
            "role": "ADMIN" if person.is_staff and person.is_superuser else "USER",
            "enabled": person.is_active,
            "groups": {
                "group": [{"id": pk, "groupName": name, "description": ""} for pk, name in groups]
            },
        }
        if request.query_params.get("includeattributes", "").lower() == "true":
            body["attribute"] = _attributes(request, person)
        return Response({"User": body})


def _attributes(request: Request, person: Any) -> list[dict[str, str]]:
    session, granted = callers.session_of(request), callers.granted_to(request)
    known = {
        "displayName": person.get_full_name(),
        "email": person.email if granted is None or "email" in granted else "",
        "emailVerified": "" if person.email_verified else "false",
        "type": session.type,
        "source": session.source,
    }
    if not known["email"]:
        del known["emailVerified"]
    return [{"name": name, "value": value} for name, value in known.items() if value]


class UpstreamTokenView(JsonView):
    """`GET /auth/upstream-token`: by cookie, for sources that allow it (docs/contract.md 5)."""

    authentication_classes = (callers.TypedSessionAuthentication,)
    permission_classes = (callers.SignedIn,)

    @extend_schema(
        operation_id="auth_upstream_token",
        responses={
            200: shapes.UpstreamToken,
            **shapes.ended(),
            **shapes.failing(403, 503),
        },
    )
    def get(self, request: Request) -> Response:
        """Return the token in use, or the one that follows it when it is about to end."""
        session = callers.session_of(request)
        source = catalogue.of_session(session.source)
        row = source.row if source else catalogue.row_of(session.source)
        if row is None or not row.allow_upstream_token:
            raise AccessDenied("This source does not hand its tokens on.")
        if source is None:
            raise TemporarilyUnavailable("The source cannot be used at the moment.")
        if not source.still_speaks_for(session.issuer):
            raise AccessDenied("The token is another provider's. A new sign-in brings one.")
        try:
            tokens = vault.fresh(session, wait=True)
        except InvalidGrant:
            raise SessionExpired(routes.sign_in_again_url(source)) from None
        if tokens is None and not vault.holds(session.uid):
            raise AccessDenied("The upstream's token is gone. A new sign-in brings another.")
        if tokens is None:
            raise TemporarilyUnavailable("The upstream has no token for us at the moment.")
        if not tokens.access_token:
            raise AccessDenied("The upstream's token has ended, and nothing renews it.")
        ends = tokens.expires_at
        expires_in = max(0, int((ends - timezone.now()).total_seconds())) if ends else None
        body = {
            "access_token": tokens.access_token,
            "token_type": tokens.token_type,
            "expires_in": expires_in,
            "expires": ends.isoformat(timespec="seconds") if ends else None,
        }
        return Response(body)

"""The upstream's own access token, for a front end that calls the upstream's services."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import AccessDenied, InvalidGrant, TemporarilyUnavailable
from accounts.session import vault
from accounts.source import catalogue
from portal.api import permissions, shapes
from portal.api.authentication import TypedSessionAuthentication
from portal.api.json_view import JsonView
from portal.door import routes
from portal.tokens.token_errors import SessionExpired


class UpstreamTokenView(JsonView):
    """`GET /auth/upstream-token`: by cookie, for sources that allow it (docs/contract.md 5)."""

    authentication_classes = (TypedSessionAuthentication,)
    permission_classes = (permissions.SignedIn,)

    @extend_schema(
        operation_id="auth_upstream_token",
        responses={
            200: shapes.UpstreamToken,
            401: shapes.Expired,
            **shapes.failing(403, 503),
        },
    )
    def get(self, request: Request) -> Response:
        """Return the token in use, or the one that follows it when it is about to end."""
        session = permissions.session_of(request)
        source = catalogue.of_session(session.source)
        if source is None or not source.row.allow_upstream_token:
            raise AccessDenied("This source does not hand its tokens on.")
        try:
            tokens = vault.fresh(session, wait=True)
        except InvalidGrant:
            raise SessionExpired(routes.sign_in_again_url(source)) from None
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

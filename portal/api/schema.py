"""The description of these routes (OpenAPI 3.1), and drf-spectacular's words for who may call."""

from __future__ import annotations

from drf_spectacular.authentication import SessionScheme, TokenScheme
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from portal.api.json_view import JsonView


class SchemaView(JsonView, SpectacularAPIView):
    """`GET /api/schema/`: JSON or YAML; YAML where the caller accepts neither."""

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type."""
        return SpectacularAPIView.perform_content_negotiation(self, request, force=True)


class BearerScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer` (RFC 6750, 2.1)."""

    target_class = "portal.api.authentication.BearerAuthentication"
    name = "bearer"


class CookieScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The session cookie; writes need the CSRF token in `X-CSRFToken` as well."""

    target_class = "portal.api.authentication.TypedSessionAuthentication"
    name = "cookie"

"""The base of the views of JSON routes, and their description (OpenAPI 3.1)."""

from collections.abc import Sequence

from drf_spectacular.authentication import SessionScheme, TokenScheme
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView


class JsonView(APIView):
    """Answers JSON that no cache keeps, whatever the caller accepts: a 406 would hide the challenge
    of a 401.
    """

    @property
    def default_response_headers(self) -> dict[str, str]:
        """Return the headers of every answer."""
        return {**super().default_response_headers, "Cache-Control": "no-store"}

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Return the only renderer and its media type."""
        (only,) = self.get_renderers()
        return only, str(only.media_type)


class OpenView(JsonView):
    """A route for everybody, without authentication."""

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = (AllowAny,)


class SchemaView(OpenView, SpectacularAPIView):
    """`GET /api/schema/`: JSON or YAML; YAML where the caller accepts neither."""

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type."""
        return SpectacularAPIView.perform_content_negotiation(self, request, force=True)


class BearerScheme(TokenScheme):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer` (RFC 6750, 2.1)."""

    target_class = "portal.api.callers.BearerAuthentication"
    name = "bearer"


class CookieScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The session cookie; writes need the CSRF token in `X-CSRFToken` as well."""

    target_class = "portal.api.callers.TypedSessionAuthentication"
    name = "cookie"

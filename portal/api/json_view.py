"""The base of the views of JSON routes, and their description (OpenAPI 3.1)."""

from collections.abc import Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

from drf_spectacular.authentication import SessionScheme, TokenScheme
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_making = Lock()


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


def description() -> dict[str, Any]:
    """Return the description of the API, which is made once in each worker."""
    with _making:  # drf-spectacular loads what it needs at first use, and not for two threads
        return _made()


@lru_cache(maxsize=1)
def _made() -> dict[str, Any]:
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


class SchemaView(OpenView, SpectacularAPIView):
    """`GET /api/schema/`: JSON or YAML; YAML where the caller accepts neither."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Answer the description. Nothing in the query changes it."""
        kind = request.accepted_renderer.format
        name = f'inline; filename="Vestibule.{kind}"'
        return Response(description(), headers={"Content-Disposition": name})

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

"""What MapStore asks before its login through an upstream, and fetches after it."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import conf
from accounts.errors import InvalidRequest
from accounts.source import catalogue
from portal.api import shapes
from portal.api.parsers import text_of
from portal.door import routes
from portal.tokens import handover

_IDENTIFIER = OpenApiParameter("identifier", str, required=True)
_ANSWERS = {200: shapes.TOKEN_PAIR, **shapes.failing(400, 403, 404, 415)}


class ProvidersView(APIView):
    """`GET /openid/providers`: the sources to which a browser is sent."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="openid_providers",
        responses={200: shapes.PROVIDER.__class__(many=True)},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        """Return the enabled redirecting sources in their order."""
        body = [
            {
                "name": each.slug,
                "loginUrl": conf.site_url() + routes.login_path(each.slug, routes.OPENID),
                "label": each.label,
            }
            for each in catalogue.enabled()
            if each.description.kind == "redirect"
        ]
        return Response(body, headers={"Cache-Control": "no-store"})


class TokensView(APIView):
    """`GET`, `POST /openid/<source>/tokens`: the pair, once, for who has identifier and cookie."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="openid_tokens", parameters=[_IDENTIFIER], responses=_ANSWERS, auth=[]
    )
    def get(self, request: Request, slug: str) -> Response:
        """Return the pair. The identifier is worth nothing without its cookie, nor twice."""
        if len(request.query_params.getlist("identifier")) > 1:
            raise InvalidRequest("The identifier occurs more than once.")
        return self._redeem(request, slug, text_of(request.query_params.dict(), "identifier"))

    @extend_schema(
        operation_id="openid_tokens_post",
        request=shapes.IDENTIFIER,
        responses=_ANSWERS,
        auth=[],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Return the pair; the identifier stands in the body, and so in no log."""
        if "identifier" not in request.data:
            return self.get(request, slug)
        return self._redeem(request, slug, text_of(request.data, "identifier"))

    @staticmethod
    def _redeem(request: Request, slug: str, identifier: str) -> Response:
        cookie = request.COOKIES.get(handover.KEY, "")
        issued = handover.redeem(slug, identifier, cookie)
        response = Response(issued.public(), headers={"Cache-Control": "no-store"})
        handover.withdraw(response)
        return response

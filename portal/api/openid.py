"""What MapStore asks before its login through an upstream, and fetches after it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import conf
from accounts.errors import InvalidRequest
from accounts.source import catalogue
from portal.api.json_view import OpenView
from portal.api.serializers import Identifier
from portal.api.shapes import Provider, TokenPair, failing
from portal.door import routes
from portal.tokens import handover

_ANSWERS = {200: TokenPair, **failing(400, 403, 404, 415)}


class ProvidersView(OpenView):
    """`GET /openid/providers`: the sources to which a browser is sent."""

    @extend_schema(operation_id="openid_providers", responses=Provider(many=True))
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
        return Response(body)


class TokensView(OpenView):
    """`GET`, `POST /openid/<source>/tokens`: the pair, once, for who has identifier and cookie."""

    @extend_schema(operation_id="openid_tokens", parameters=[Identifier], responses=_ANSWERS)
    def get(self, request: Request, slug: str) -> Response:
        """Return the pair. The identifier is worth nothing without its cookie, nor twice."""
        if len(request.query_params.getlist("identifier")) > 1:
            raise InvalidRequest("The identifier occurs more than once.")
        return self._redeem(request, slug, {"identifier": "", **request.query_params.dict()})

    @extend_schema(operation_id="openid_tokens_post", request=Identifier, responses=_ANSWERS)
    def post(self, request: Request, slug: str) -> Response:
        """Return the pair; the identifier stands in the body, and so in no log."""
        if "identifier" not in request.data:
            return self.get(request, slug)
        return self._redeem(request, slug, request.data)

    @staticmethod
    def _redeem(request: Request, slug: str, given: Any) -> Response:
        identifier = Identifier.read(given)["identifier"]
        issued = handover.redeem(slug, identifier, request.COOKIES.get(handover.KEY, ""))
        response = Response(issued.public())
        handover.withdraw(response)
        return response

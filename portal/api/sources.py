"""The ways in, for front ends that draw their own choice."""

from datetime import datetime

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import conf
from accounts.source import catalogue, outage
from portal.api import shapes
from portal.api.json_view import OpenView
from portal.door import routes


class SourcesView(OpenView):
    """`GET /auth/sources`: every source (docs/contract.md 1)."""

    @extend_schema(operation_id="auth_sources", responses=shapes.Source(many=True))
    def get(self, request: Request) -> Response:
        """Return the enabled sources in their order."""
        ready = catalogue.enabled()
        troubled = outage.of_providers({each.slug: each.provider for each in ready})
        body = [
            {
                "slug": each.slug,
                "label": each.label,
                "type": each.session_type,
                "kind": each.kind,
                "loginUrl": conf.site_url() + routes.login_path(each.slug),
                "logo": each.row.logo or None,
                "trouble": _trouble(troubled.get(each.slug), each.note),
            }
            for each in ready
        ]
        return Response(body)


class ProvidersView(OpenView):
    """`GET /openid/providers`: the redirecting sources (docs/contract.md 2)."""

    @extend_schema(operation_id="openid_providers", responses=shapes.Provider(many=True))
    def get(self, request: Request) -> Response:
        """Return the enabled redirecting sources in their order."""
        body = [
            {
                "name": each.slug,
                "loginUrl": conf.site_url() + routes.login_path(each.slug, routes.OPENID),
                "label": each.label,
            }
            for each in catalogue.enabled()
            if each.kind == "redirect"
        ]
        return Response(body)


def _trouble(since: datetime | None, note: str) -> dict[str, str] | None:
    return {"since": since.isoformat(timespec="seconds"), "note": note} if since else None

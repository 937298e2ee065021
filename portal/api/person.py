"""The details of the caller, in MapStore's form."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import permissions, shapes
from portal.api.json_view import JsonView


class MayReadPerson(permissions.SignedIn):
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
            "role": "ADMIN" if person.is_staff else "USER",
            "enabled": person.is_active,
            "groups": {
                "group": [{"id": pk, "groupName": name, "description": ""} for pk, name in groups]
            },
        }
        if request.query_params.get("includeattributes", "").lower() == "true":
            body["attribute"] = _attributes(request, person)
        return Response({"User": body})


def _attributes(request: Request, person: Any) -> list[dict[str, str]]:
    session, granted = permissions.session_of(request), permissions.granted_to(request)
    known = {
        "displayName": person.get_full_name(),
        "email": person.email if granted is None or "email" in granted else "",
        "type": session.type,
        "source": session.source,
    }
    return [{"name": name, "value": value} for name, value in known.items() if value]

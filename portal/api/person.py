"""Who the caller is, as MapStore asks for it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.session.typed import Session
from portal.api import permissions, shapes


class MayReadPerson(permissions.SignedIn):
    """A person, or a client that may see their name and groups."""

    scopes = ("profile", "groups")


class DetailsView(APIView):
    """`GET /users/user/details` (CONTRACT.md 2)."""

    permission_classes = (MayReadPerson,)

    @extend_schema(
        operation_id="users_user_details",
        parameters=[OpenApiParameter("includeattributes", bool, default=False)],
        responses={200: shapes.DETAILS, **shapes.failing(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        """Return the person, with attributes when asked for by `includeattributes=true`."""
        person: Any = request.user
        body = _person(person)
        if request.query_params.get("includeattributes", "").lower() == "true":
            granted = permissions.granted_to(request)
            may_see_mail = granted is None or "email" in granted
            body["attribute"] = _attributes(person, permissions.session_of(request), may_see_mail)
        return Response({"User": body}, headers={"Cache-Control": "no-store"})


def _person(person: User) -> dict[str, Any]:
    groups = person.groups.order_by("name").values_list("pk", "name")
    return {
        "id": person.pk,
        "name": person.username,
        "role": "ADMIN" if person.is_staff else "USER",
        "enabled": person.is_active,
        "groups": {
            "group": [{"id": pk, "groupName": name, "description": ""} for pk, name in groups]
        },
    }


def _attributes(person: User, session: Session, may_see_mail: bool) -> list[dict[str, str]]:
    known = {
        "displayName": person.get_full_name(),
        "email": person.email if may_see_mail else "",
        "type": session.type,
        "source": session.source,
    }
    return [{"name": name, "value": value} for name, value in known.items() if value]

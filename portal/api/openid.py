"""MapStore's login through an upstream: there, back with two cookies, and the tokens for them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import conf
from accounts.errors import InvalidRequest, ProtocolError
from accounts.models import User
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.api import shapes
from portal.api.parsers import text_of
from portal.door import answers, failing, incoming, leaving, routes, signing_in
from portal.door.destinations import safe_destination
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


@login_not_required
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a sign-in whose end hands a token pair over. Whoever is in already has it at once;
    whoever is in by another source is asked first.
    """
    source = incoming.source_or_404(slug)
    if source.description.kind != "redirect":
        return answers.see_other(routes.login_path(slug))
    if "prefetch" in request.headers.get("Sec-Purpose", ""):
        return HttpResponse(status=204, headers={"Cache-Control": "no-store"})
    wanted = safe_destination(request.GET.get("next"))
    session = incoming.session_of(request)
    if request.method == "POST":
        return leaving.leave(request, routes.login_path(slug, routes.OPENID, next=wanted))
    if session.is_logged_in and (session.source != slug or request.GET.get("switch")):
        return _ask_to_switch(request, source, session, wanted)
    next_url = wanted or source.row.after_login or "/"
    if session.is_logged_in:
        return _handed_over(
            answers.see_other(signing_in.landing(source, session, next_url)), session
        )
    try:
        return signing_in.begin(request, source, _back_here(source, wanted) or next_url)
    except ProtocolError as error:
        return failing.fail(request, error, slug)


@login_not_required
@csrf_exempt  # an upstream's answer carries a state instead
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the upstream's answer, and hand the new session over to the page that follows."""
    source = incoming.source_or_404(slug)
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    before = incoming.session_of(request).uid
    try:
        response = signing_in.finish(request, source, incoming.single_values(request.GET))
    except InvalidRequest as error:
        return failing.fail(request, error, slug)
    session = incoming.session_of(request)
    if session.is_logged_in and session.uid != before:
        return _handed_over(response, session)
    return response


def _handed_over(response: HttpResponse, session: Session) -> HttpResponse:
    if session.status == User.Status.ACTIVE:
        handover.offer(response, session)
    return response


def _back_here(source: ConfiguredSource, wanted: str) -> str:
    """Return where a sign-in by an upstream with one fixed way back goes on: here, signed in."""
    if not source.description.unsolicited:
        return ""
    return routes.login_path(source.slug, routes.OPENID, next=wanted)


def _ask_to_switch(
    request: HttpRequest, source: ConfiguredSource, session: Session, wanted: str
) -> HttpResponse:
    current = catalogue.of_session(session.source)
    context: dict[str, Any] = {
        "current_label": current.label if current else session.source,
        "label": source.label,
        "action": routes.login_path(source.slug, routes.OPENID, next=wanted),
        "stay": wanted or "/",
    }
    return answers.page(request, "login/switch.html", context)

"""The token pair: by a password, a refresh token or a hand-over; its end (docs/contract.md 2)."""

import base64
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import database
from accounts.errors import (
    AccessDenied,
    InvalidGrant,
    InvalidRequest,
    ProtocolError,
    TemporarilyUnavailable,
)
from accounts.factors.answer import WrongCode
from accounts.models import Source, StoredSession
from accounts.provider import Visit
from accounts.session.ending import end
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal import conf
from portal.api import callers, described
from portal.api.json_view import JsonView, OpenView
from portal.api.serializers import Credentials, Identifier, RefreshToken
from portal.api.shapes import Departure, TokenPair, ended, failing
from portal.door import concluding, incoming, leaving
from portal.door.answers import record_failure
from portal.tokens import handover, pair
from portal.tokens.token_errors import RefusedGrant


class LoginView(OpenView):
    """`POST /session/login`: a token pair for a name and a password. Sets no cookie."""

    @extend_schema(
        operation_id="session_login",
        request=described.CREDENTIALS,
        responses={200: TokenPair, **failing(400, 401, 403, 413, 415, 429, 503)},
        auth=[{"basic": []}, {}],  # type: ignore[list-item]  # as OpenAPI has it
        examples=described.LOGIN_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Sign in by HTTP Basic, or by `username` and `password`, at `source`."""
        given = Credentials.read(_given(request))
        source = _source_of(given.get("source", ""))
        visit = incoming.visit(request._request)
        try:
            issued = _enter(source, given, visit)
        except ProtocolError as error:
            record_failure(request._request, error, source.slug)
            raise
        return Response(issued.public())


class RefreshView(OpenView):
    """`POST /session/refresh`, `/session/refreshToken`: the next pair for a refresh token."""

    @extend_schema(
        request=described.REFRESH,
        responses={200: TokenPair, **ended(), **failing(400, 403, 413, 415)},
        examples=described.REFRESH_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Spend `refresh_token`, which stands in the body itself or in its `sessionToken`."""
        given = RefreshToken.read(request.data)["refresh_token"]
        return Response(pair.renew(given, incoming.visit(request._request)).public())


class HandOverView(OpenView):
    """`GET`, `POST /openid/<source>/tokens`: the pair, once, for who has identifier and cookie."""

    fetched = {200: TokenPair, **failing(400, 403, 404, 415)}

    @extend_schema(
        operation_id="openid_tokens",
        parameters=[Identifier, described.TOKENS_KEY],
        responses=fetched,
        examples=[described.PAIR_ISSUED],
    )
    def get(self, request: Request, slug: str) -> Response:
        """Return the pair. The identifier is worth nothing without its cookie, nor twice."""
        if len(request.query_params.getlist("identifier")) > 1:
            raise InvalidRequest("The identifier occurs more than once.")
        return self._redeem(request, slug, {"identifier": "", **request.query_params.dict()})

    @extend_schema(
        operation_id="openid_tokens_post",
        request=Identifier,
        parameters=[described.TOKENS_KEY],
        responses=fetched,
        examples=[described.PAIR_ISSUED],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Return the pair; the identifier stands in the body, and so in no log."""
        if "identifier" not in request.data:
            return self.get(request, slug)
        return self._redeem(request, slug, request.data)

    @staticmethod
    def _redeem(request: Request, slug: str, given: Any) -> Response:
        identifier = Identifier.read(given)["identifier"]
        cookie = request.COOKIES.get(handover.KEY, "")
        session = incoming.session_of(request._request)
        issued = handover.redeem(slug, identifier, cookie, session.uid)
        response = Response(issued.public())
        handover.withdraw(response)
        return response


class LogoutView(JsonView):
    """`POST`, `DELETE /session/logout`: the end of a session and its tokens."""

    authentication_classes = (callers.BearerAlone, callers.TypedSessionAuthentication)
    permission_classes = (callers.HasSession,)
    departure = {200: Departure, **failing(400, 401, 403)}
    accepted: Any = ({"bearer": []}, {"cookie": []})

    def handle_exception(self, exc: Exception) -> Response:
        """Answer as ever; where no database answers, a browser that asks for it is let go."""
        if not database.is_down(exc) or "Authorization" in self.request.headers:
            return super().handle_exception(exc)
        try:
            callers.TypedSessionAuthentication().enforce_csrf(self.request)
        except APIException as refusal:
            return super().handle_exception(refusal)
        sorry = TemporarilyUnavailable("This browser is signed out. The database does not answer.")
        response = super().handle_exception(sorry)
        leaving.let_go(self.request._request, response)
        return response

    @extend_schema(
        operation_id="session_logout",
        request=None,
        parameters=[described.CSRF],
        responses=departure,
        auth=accepted,
    )
    def post(self, request: Request) -> Response:
        """End the caller's session, and what can be ended upstream by a call."""
        response = Response()
        session = callers.session_of(request)
        gone = leaving.leave_without_browser(request._request, session, response)
        response.data = {"ended": True, "upstream": gone.upstream}
        if gone.visit:
            response.data["logoutUrl"] = gone.visit
        return response

    @extend_schema(
        operation_id="session_logout_delete",
        parameters=[described.CSRF],
        responses=departure,
        auth=accepted,
    )
    def delete(self, request: Request) -> Response:
        """End the caller's session, as older front ends ask for it."""
        return self.post(request)


def _given(request: Request) -> dict[str, Any]:
    """Return the fields of the body, joined by those of HTTP Basic in UTF-8 (RFC 7617, 2)."""
    fields: Any = request.data
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return dict(fields)
    if "username" in fields or "password" in fields:
        raise InvalidRequest("The credentials are given twice.")
    try:
        username, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except ValueError:
        raise InvalidRequest("The Authorization header cannot be read.") from None
    return {**fields, "username": username, "password": secret}


def _source_of(slug: str) -> ConfiguredSource:
    """Return the source with a form by its slug. Raises `InvalidRequest` when there is none.

    An empty slug means the default source, else `local`, else the first. So a source that is added
    later never receives the passwords for another.
    """
    forms = {each.slug: each for each in catalogue.enabled() if each.kind == "form"}
    wanted = [slug] if slug else [conf.default_source(), Source.LOCAL, *forms]
    found = next((forms[each] for each in wanted if each in forms), None)
    if found is None:
        raise InvalidRequest("There is no source of this name that takes a password.")
    return found


def _enter(source: ConfiguredSource, given: dict[str, Any], visit: Visit) -> pair.Pair:
    """Return the pair of a new session. The session ends again when its person may have no pair.

    Raises `RefusedGrant` when name and password do not fit, or the code is wrong, `TooManyRequests`
    when locked out, `InsufficientUserAuthentication` when a code is needed, `AccessDenied` for
    people who are disabled, not registered or awaiting access, and `TemporarilyUnavailable`.
    """
    username, password, otp = given["username"], given["password"], given.get("otp", "")
    try:
        session = concluding.enter_without_browser(source, username, password, visit, otp)
    except WrongCode as wrong:
        raise RefusedGrant(wrong.description, reason=wrong.reason) from None
    except InvalidGrant:
        if source.slug == Source.LOCAL:
            raise RefusedGrant("The username or the password is wrong.") from None
        said = f"The source {source.slug} does not accept these credentials."
        raise RefusedGrant(said) from None
    own = StoredSession.objects.filter(uid=session.uid)
    try:
        with transaction.atomic():
            return pair.issue(own.select_related("user").get())
    except AccessDenied:
        end(own)
        raise

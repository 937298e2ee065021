"""The userinfo endpoint (OIDC Core, 5.3)."""

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import AccessDenied, InvalidRequest, ProtocolError
from accounts.models import User
from portal.authorization_server import wire
from portal.authorization_server.issued import person_claims
from portal.tokens import bearer
from portal.tokens.challenge import challenge
from portal.tokens.token_errors import InsufficientScope

_PARAMETERS = frozenset({"access_token"})


@wire.endpoint("GET", "POST", origins=wire.Origins.CLIENTS)
def userinfo(request: HttpRequest) -> HttpResponseBase:
    """Return what the token lets out of its person. The token stands in the header, or alone in a
    form; never in the address (RFC 6750, 2; RFC 9700, 4.3.2).
    """
    try:
        held = bearer.find(_token(request))
        if "openid" not in held.scopes:
            raise InsufficientScope("openid")
        if held.session.status != User.Status.ACTIVE:
            raise AccessDenied("An administrator must give access first.")
    except ProtocolError as error:
        response = wire.refused(error)
        if error.status in {401, 403}:
            response["WWW-Authenticate"] = challenge(error)
        return response
    claims = person_claims(held.user, list(held.scopes))
    return JsonResponse({"sub": held.user.uid, **claims})


def _token(request: HttpRequest) -> str:
    if "access_token" in request.GET:
        raise InvalidRequest("An access token in the address is not taken.")
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    posted = request.method == "POST" and request.content_type == wire.FORM
    given = wire.read(request.POST, _PARAMETERS).get("access_token", "") if posted else ""
    if scheme.lower() == "bearer" and given:
        raise InvalidRequest("The access token is given twice.")
    if scheme.lower() == "bearer":
        return text.strip(" ")
    if not given:
        raise _Missing
    return given


class _Missing(ProtocolError):
    """No token at all: the challenge gives no reason (RFC 6750, 3.1)."""

    error = "invalid_request"
    status = 401

    def __init__(self) -> None:
        super().__init__("An access token is needed.")

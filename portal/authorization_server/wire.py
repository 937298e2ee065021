"""What all endpoints have in common: parameters read once, JSON, errors, CORS, caching."""

import re
from collections.abc import Callable
from enum import Enum
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from accounts.errors import InvalidRequest, ProtocolError, TemporarilyUnavailable
from portal.authorization_server import clients
from portal.authorization_server.errors import AuthorizationPending, InvalidClient

View = Callable[[HttpRequest], HttpResponseBase]

FORM = "application/x-www-form-urlencoded"
LONGEST = 4096
# An id_token names all groups of its person; the proxies of `deploy/` take 32k.
_LONGER = {"id_token_hint": 16_384}
# Parameters that may occur more than once (RFC 8707, 2).
REPEATED = "resource"
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ud800-\udfff]")


class Origins(Enum):
    """The pages whose scripts may read an answer (CORS)."""

    NONE = "none"
    CLIENTS = "clients"
    ALL = "all"


class Parameters(dict[str, str]):
    """The parameters of a request, each of which occurs once; an empty one is left out (RFC 6749,
    3.1). `resource` holds all that were sent.
    """

    resource: tuple[str, ...] = ()

    def need(self, name: str) -> str:
        """Return the parameter. Raises `InvalidRequest` when it is missing."""
        if name not in self:
            raise InvalidRequest(f"The parameter {name} is missing.")
        return self[name]


def read(values: QueryDict, names: frozenset[str]) -> Parameters:
    """Return the parameters `names`; all others are ignored, whatever they hold (RFC 6749, 3.1).

    Raises `InvalidRequest` for what is repeated, too long or no text.
    """
    found = Parameters()
    for name, given in values.lists():
        if name not in names:
            continue
        if name == REPEATED:
            found.resource = tuple(each for each in given if each)
        elif len(given) > 1:
            raise InvalidRequest(f"The parameter {name} occurs more than once.")
        elif given[0]:
            found[name] = given[0]
    for name, text in (*found.items(), *((REPEATED, each) for each in found.resource)):
        if len(text) > _LONGER.get(name, LONGEST) or _UNREADABLE.search(text):
            raise InvalidRequest(f"The parameter {name} cannot be read.")
    return found


def read_form(request: HttpRequest, *names: str) -> Parameters:
    """Return the parameters `names` of a posted form, and those by which a client proves who it is;
    a query is no place for them (RFC 6749, 2.3.1).

    Raises `InvalidRequest` for any other body, and as `read` does.
    """
    if request.content_type != FORM:
        raise InvalidRequest(f"The body must be {FORM}.")
    return read(request.POST, frozenset({*names, *clients.PARAMETERS}))


def endpoint(
    *methods: str, origins: Origins = Origins.NONE, public_for: int = 0
) -> Callable[[View], Any]:
    """Make a view an endpoint for programs: these methods, JSON errors, no CSRF, no cookie needed.

    `public_for`: for how many seconds anybody may keep its answer; else nobody keeps it.
    """

    def wrap(view: View) -> Any:
        @wraps(view)
        def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
            response: HttpResponseBase
            if request.method == "OPTIONS" and origins is not Origins.NONE:
                response = HttpResponse(status=204)
            elif request.method not in {*methods, *(["HEAD"] if "GET" in methods else [])}:
                response = _refused(InvalidRequest("This method is not served here."), 405)
                response["Allow"] = ", ".join(methods)
            else:
                response = _answered(view, request, named)
            _let_read(request, response, origins, methods)
            if "Cache-Control" not in response:
                fine = public_for and response.status_code == 200
                response["Cache-Control"] = f"public, max-age={public_for}" if fine else "no-store"
            if response["Cache-Control"] == "no-store":
                response["Pragma"] = "no-cache"  # RFC 6749, 5.1
            return response

        answer.answers_json = True  # type: ignore[attr-defined]
        return csrf_exempt(login_not_required(answer))

    return wrap


def refused(error: ProtocolError) -> JsonResponse:
    """Return the JSON answer of RFC 6749, 5.2."""
    return _refused(error, error.status)


def _answered(view: View, request: HttpRequest, named: dict[str, Any]) -> HttpResponseBase:
    try:
        return view(request, **named)
    except ProtocolError as error:
        return refused(error)
    except RequestDataTooBig:
        return _refused(InvalidRequest("The body is too large."), 413)
    except (BadRequest, MultiPartParserError, SuspiciousOperation):
        return refused(InvalidRequest("The request cannot be understood."))


def _refused(error: ProtocolError, status: int) -> JsonResponse:
    body = {"error": error.error, "error_description": error.description}
    response = JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    if isinstance(error, AuthorizationPending):  # as each device is told every five seconds
        response.is_ordinary = True  # type: ignore[attr-defined]  # portal/middleware.py
    if isinstance(error, InvalidClient):  # RFC 9110, 15.5.2: every 401 has one
        response["WWW-Authenticate"] = 'Basic realm="vestibule", charset="UTF-8"'
    if isinstance(error, TemporarilyUnavailable):
        response["Retry-After"] = str(error.retry_after)
    return response


def _let_read(
    request: HttpRequest, response: HttpResponseBase, origins: Origins, methods: tuple[str, ...]
) -> None:
    """Tell a browser which pages may read the answer; never with its cookies."""
    origin = request.headers.get("Origin", "")
    if origins is Origins.NONE:
        return
    if origins is Origins.ALL:
        response["Access-Control-Allow-Origin"] = "*"
    else:
        response["Vary"] = "Origin"
        if not origin or not clients.is_origin_of_a_client(origin):
            return
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Expose-Headers"] = "WWW-Authenticate, Retry-After"
    if request.method == "OPTIONS":
        response["Access-Control-Allow-Methods"] = ", ".join(methods)
        response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response["Access-Control-Max-Age"] = "600"

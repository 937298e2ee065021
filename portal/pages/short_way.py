"""The short way of a sign-in's start: the redirect upstream, of a browser that carries no cookie.

Django answers once a minute each shape of a request. To the next of that shape the answer is the
same but for the flow, which is made anew: state, nonce, code_verifier, and the moment.
"""

import re
from dataclasses import dataclass
from functools import partial
from http.cookies import SimpleCookie

from django.db import DatabaseError
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import override

from accounts import ended
from accounts.database import as_for_a_request
from accounts.errors import ProtocolError
from accounts.login import flow
from accounts.provider import LoginFlow
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.door import cookies, routes, shared, signing_in
from portal.server.learned import Learned
from portal.server.short_ways import LEARN, Answer, Environ
from portal.server.unreadable import UNREADABLE

_PLACE = re.compile(rf"/{routes.AUTH}/login/[^/]+|/{routes.OPENID}/[^/]+/login")
# By these each browser and each hop differs, and no start of a sign-in does.
_NO_MATTER = frozenset(
    f"HTTP_{name}"
    for name in (
        *("USER_AGENT", "SEC_CH_UA", "SEC_CH_UA_MOBILE", "SEC_CH_UA_PLATFORM", "REFERER"),
        *("X_FORWARDED_FOR", "X_REAL_IP", "FORWARDED", "X_REQUEST_ID", "X_CORRELATION_ID"),
        *("TRACEPARENT", "TRACESTATE"),
    )
)
_LONGEST_SHAPE = 2000
_EXPIRES = re.compile(r"; expires=[^;]*", re.IGNORECASE)

_Shape = tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class _Start:
    """Django's answer, the flow that it began, the source as it was configured then, and what the
    ended feed said before: the rules of applications say where a person may go on to.
    """

    answer: Answer
    begun: LoginFlow
    source: ConfiguredSource
    language: str
    noted: ended.Moment

    def holds(self) -> bool:
        """Tell whether sources and rules are still the same. Raises `DatabaseError`."""
        is_source = catalogue.find(self.source.slug) is self.source
        return is_source and ended.refreshed().stands(self.noted, ())

    def again(self, login_flow: LoginFlow) -> Answer:
        """Return the answer with another flow. Raises what `way_upstream` raises."""
        with override(self.language):
            response = signing_in.way_upstream(self.source, login_flow)
        cookies.put_flow(response, login_flow)
        status, headers, body, _ = self.answer
        own = {"Location": response["Location"], "Set-Cookie": _line(response)}
        return Answer(status, [(name, own.get(name, held)) for name, held in headers], body)

    def is_repeatable(self) -> bool:
        """Tell whether the same flow makes the same answer: then a fresh one makes Django's."""
        again = self.again(self.begun)
        return [*map(_without_seal, again.headers)] == [*map(_without_seal, self.answer.headers)]


# None stands for what is Django's each time.
_known = Learned[_Start | None](most=500)


def answer(environ: Environ) -> Answer | None:
    """Return the redirect to where a sign-in starts; None for all else."""
    if not _PLACE.fullmatch(environ["PATH_INFO"]) or not _is_plain(environ):
        return None
    shape = _shape(environ)
    if sum(map(len, shape)) > _LONGEST_SHAPE:
        return None
    is_known, start = shape in _known, _known.find(shape)
    if is_known and start is None:
        return None
    try:
        with as_for_a_request():
            if start and start.holds():
                return start.again(flow.afresh(start.begun, timezone.now()))
            environ[LEARN] = partial(_learn, shape, ended.refreshed().moment)
    except (DatabaseError, ProtocolError):
        pass  # Django says what is to be said then
    return None


def _is_plain(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("HTTP_COOKIE")
        and "HTTP_AUTHORIZATION" not in environ
        and not environ.get(UNREADABLE)
        and not shared.is_network(environ["REMOTE_ADDR"])
    )


def _shape(environ: Environ) -> _Shape:
    """Return all that the request says, but for what is of no matter."""
    said = [environ[name] for name in ("PATH_INFO", "QUERY_STRING", "wsgi.url_scheme")]
    for name, value in environ.items():
        if name.startswith("HTTP_") and name not in _NO_MATTER:
            said += (name, value)
    return tuple(said)


def _learn(shape: _Shape, noted: ended.Moment, answer: Answer) -> None:
    """Keep Django's answer, if it is the redirect upstream and a fresh flow is all it takes."""
    try:
        with as_for_a_request():
            _known.keep(shape, _start_of(answer, noted))
    except (DatabaseError, ProtocolError):
        return


def _start_of(answer: Answer, noted: ended.Moment) -> _Start | None:
    lines = [value for name, value in answer.headers if name == "Set-Cookie"]
    begun = _flow_in(lines[0]) if answer.status == 302 and len(lines) == 1 else None
    source = catalogue.find(begun.source) if begun else None
    language = dict(answer.headers).get("Content-Language")
    if not (begun and source and language):
        return None
    start = _Start(answer, begun, source, language, noted)
    return start if start.is_repeatable() else None


def _flow_in(line: str) -> LoginFlow | None:
    """Return the flow that a `Set-Cookie` holds, None for any other cookie."""
    for name, morsel in SimpleCookie(line).items():
        found = flow.open_flow(morsel.value)
        if found and name == cookies.named(flow.cookie_name(found.state)):
            return found
    return None


def _line(response: HttpResponse) -> str:
    """Return the one cookie of an answer, as Django writes it."""
    (morsel,) = response.cookies.values()
    return str(morsel.output(header=""))


def _without_seal(header: tuple[str, str]) -> tuple[str, str]:
    """Return a header without what differs from moment to moment: the seal, and when it ends."""
    name, value = header
    if name != "Set-Cookie":
        return header
    cookie, _, attributes = value.strip().partition(";")
    return name, cookie.partition("=")[0] + _EXPIRES.sub("", f";{attributes}")

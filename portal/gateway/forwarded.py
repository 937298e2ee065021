"""The request that a web server asks about, from the headers that it sends (docs/gateway.md 4).

Two forms are known: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri` (Caddy, Traefik, Envoy,
HAProxy), `X-Original-Method` and `X-Original-URL` (nginx). What occurs twice must say the same: one
of the two may be the caller's own.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from accounts.errors import InvalidRequest
from accounts.upstream import cookie_header
from portal.gateway import paths
from portal.gateway.depth import BY_WHOLE_NAMES, deep
from portal.gateway.hosts import host_of
from portal.gateway.paths import Reading

SAFE = frozenset({"GET", "HEAD"})
# RFC 4918, 3253, 3648, 3744, 4791, 5323 and 5842.
DAV = frozenset(
    {
        "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
        "ACL", "MKCALENDAR", "VERSION-CONTROL", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "MKWORKSPACE",
        "UPDATE", "LABEL", "MERGE", "BASELINE-CONTROL", "MKACTIVITY", "ORDERPATCH", "BIND",
        "UNBIND", "REBIND",
    }
)  # fmt: skip
# They write to a second path as well, which `Destination` names (RFC 4918, 9.8.3 and 9.9.4).
_WITH_DESTINATION = frozenset({"COPY", "MOVE"})
# Headers by which an application may take another method than the web server does. Symfony and
# Laravel also read `_method` from the query.
_OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_IN_QUERY = re.compile(r"(?:[\W_](?:http)?method|x-(?:http-)?method(?:-override)?)\Z", re.I)
# Headers that decide the answer here, or what an application does. Any other header may be
# unreadable: nobody is locked out by the name of a town in it.
_HAVE_A_SAY = frozenset(
    {
        "authorization", "connection", "cookie", "depth", "destination", "forwarded", "host",
        "sec-websocket-key", "upgrade", *_OVERRIDES,
    }
)  # fmt: skip
_OF_THE_WAY = ("x-forwarded-", "x-original-")
# So many methods a request may be taken for, so many places it may write to, and so many readings
# its paths may have: each is held against each rule.
_MOST_METHODS, _MOST_PLACES, _MOST_READINGS = 4, 4, 200
# Credentials, a body, an upgrade: a browser asks without them beforehand (Fetch, 4.8).
_NOT_OF_PREFLIGHTS = (
    "authorization", "cookie", "content-type", "transfer-encoding", "upgrade", "sec-websocket-key",
)  # fmt: skip
# How long a body is. The second is the web server's word: it asks without that body.
_LENGTHS = ("content-length", "x-original-length")
# What `Connection` may name: the options of a connection, and headers that are for one alone.
_HOP_BY_HOP = frozenset(
    {"", "close", "keep-alive", "upgrade", "te", "http2-settings", "proxy-connection", "trailer"}
)
_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}\Z")
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?#]*)(?P<target>/.*)\Z", re.S)
# Where a second line of `Destination` may begin, once lines are one.
_NEXT = re.compile(r",\s*(?=/|https?://)", re.I)
_HTML = re.compile(r"(?:text/html|application/xhtml\+xml)\s*(?:;|,|\Z)")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The request of the application's caller. `authority` is the host with the port that was
    asked for, `target` path and query as they were sent, `methods` and `readings` all that the
    application may take it for; by the `deep` ones of the methods it reaches what lies below.
    `opens_page`: the browser navigates, and in no frame. `sends_form`: a person sends one, from the
    page `form_page` of the same origin, as far as is known.
    """

    method: str
    scheme: str
    authority: str
    host: str
    target: str
    methods: tuple[str, ...]
    readings: tuple[Reading, ...]
    deep: tuple[str, ...] = ()
    origin: str = ""
    cookies: frozenset[str] = frozenset()
    navigates: bool = False
    opens_page: bool = False
    sends_form: bool = False
    form_page: str = "/"
    is_script: bool = False
    in_browser: bool = False
    is_preflight: bool = False
    upgrade: str = ""

    @property
    def url(self) -> str:
        """The address that was asked for."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def reaching(self) -> Iterator[tuple[str, Reading]]:
        """Yield each method by which the request reaches what lies below, with each reading."""
        for method in self.deep:
            whole = method in BY_WHOLE_NAMES
            for reading in paths.with_endings(self.readings) if whole else self.readings:
                yield method, reading

    @property
    def is_dav(self) -> bool:
        """Whether the method is one of WebDAV's own."""
        return self.method in DAV


def read(headers: Mapping[str, str], unreadable: Collection[str] = ()) -> Forwarded:
    """Return the request that is asked about. `headers` are by name in lower case; of `unreadable`
    ones the names alone are known.

    Raises `InvalidRequest` when something is missing, contradicts itself or cannot be read. Words
    on forwarding must have come from a trusted proxy (portal/server/proxies.py).
    """
    asked, scheme, authority, target = _form(headers)
    _refuse_unreadable(unreadable, asked)
    _refuse_loss(headers)
    _refuse_others(headers, asked, scheme, authority)
    if not _METHOD.match(asked):
        raise InvalidRequest("The method cannot be read.")
    if scheme not in {"http", "https"}:
        raise InvalidRequest("The scheme is neither http nor https.")
    path, query = paths.split(target)
    methods, wants_page = _methods(asked, query, headers), _wants_page(headers)
    navigates = wants_page and asked in SAFE
    _refuse_nowhere(asked, methods, headers)
    return Forwarded(
        method=asked,
        scheme=scheme,
        authority=authority,
        host=host_of(authority),
        target=target,
        methods=methods,
        readings=_readings(path, methods, headers),
        deep=deep(methods, headers),
        origin=headers.get("origin", ""),
        cookies=frozenset(cookie_header.parse(headers.get("cookie", ""))),
        navigates=navigates,
        opens_page=navigates and headers.get("sec-fetch-dest", "document") == "document",
        sends_form=wants_page and asked == "POST",
        form_page=_page_of(headers.get("referer", ""), scheme, authority),
        is_script=headers.get("x-requested-with", "").lower() == "xmlhttprequest",
        in_browser=_is_of_a_browser(headers),
        is_preflight=_is_preflight(asked, query, headers),
        upgrade=_upgrade(headers),
    )


def origin_of(headers: Mapping[str, str], scheme: str) -> str:
    """Return scheme and authority at which a caller believes to be, of a request that a web server
    handed on; not checked. `scheme` is the request's own.
    """
    found = _URL.match(headers.get("x-original-url", ""))
    if found:
        return f"{found['scheme']}://{found['authority']}".lower()
    authority = headers.get("x-forwarded-host") or headers.get("host", "")
    return f"{headers.get('x-forwarded-proto', scheme)}://{authority}".lower()


Form = tuple[str, str, str, str]


def _form(headers: Mapping[str, str]) -> Form:
    """Return what the headers say, which must be one thing."""
    forms = [form for form in (_original(headers), _xforwarded(headers)) if form]
    if not forms:
        raise InvalidRequest("The web server does not say which request it asks about.")
    if len(forms) == 2 and forms[0] != forms[1]:
        raise InvalidRequest("The headers on the request contradict each other.")
    return forms[0]


def _original(headers: Mapping[str, str]) -> Form | None:
    """Return method, scheme, authority and target as nginx sends them; None of another server."""
    url = headers.get("x-original-url", "")
    if not url:
        return None
    found = _URL.match(url)
    method = headers.get("x-original-method", "")
    if not found or not method:
        raise InvalidRequest("X-Original-URL or X-Original-Method is missing, or cannot be read.")
    return method, found["scheme"].lower(), found["authority"].lower(), found["target"]


def _xforwarded(headers: Mapping[str, str]) -> Form | None:
    """Return the same as the others send it."""
    target = headers.get("x-forwarded-uri", "")
    if not target:
        return None
    method, scheme, authority = (
        headers.get(f"x-forwarded-{name}", "") for name in ("method", "proto", "host")
    )
    if not (method and scheme and authority):
        raise InvalidRequest("X-Forwarded-Method, -Proto, -Host or -Uri is missing.")
    return method, scheme.lower(), authority.lower(), target


def _refuse_unreadable(names: Collection[str], method: str) -> None:
    """Refuse what has a say and cannot be read: the application reads it all the same."""
    for name in names:
        of_preflights = method == "OPTIONS" and name in _NOT_OF_PREFLIGHTS
        if name in _HAVE_A_SAY or name.startswith(_OF_THE_WAY) or of_preflights:
            raise InvalidRequest(f"{name} is not ASCII.")


def _refuse_loss(headers: Mapping[str, str]) -> None:
    """Refuse a caller's wish that a web server drops what it adds (RFC 9110, 7.6.1)."""
    named = {each.strip().lower() for each in headers.get("connection", "").split(",")}
    if not named <= _HOP_BY_HOP:
        raise InvalidRequest("Connection names a header that is not for one connection alone.")


def _refuse_others(headers: Mapping[str, str], method: str, scheme: str, authority: str) -> None:
    """Refuse a word on the same thing that says something else."""
    told = {"x-original-method": method, "x-forwarded-method": method}
    told |= {"x-forwarded-proto": scheme, "x-forwarded-host": authority}
    for name, value in told.items():
        given = headers.get(name, "")
        plain = given if name.endswith("method") else given.lower()
        if given and plain != value and not (name.endswith("host") and _same(plain, value)):
            raise InvalidRequest(f"{name} contradicts the request that is asked about.")


def _same(one: str, other: str) -> bool:
    """Tell whether two authorities name one host; a web server may leave the port out."""
    return host_of(one) == host_of(other)


def _methods(method: str, query: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return what an application may take the method for; of a preflight, what it asks for."""
    if _is_preflight(method, query, headers):
        return (headers["access-control-request-method"].strip().upper(),)
    found = (method, *sorted(_overrides(query, headers) - {method}))
    if len(found) > _MOST_METHODS:
        raise InvalidRequest("The request names too many methods.")
    return found


def _overrides(query: str, headers: Mapping[str, str]) -> set[str]:
    """Return the methods that a request names beside its own; a header may have come twice. PHP
    ends the name of a parameter at NUL.
    """
    named = [each for name in _OVERRIDES for each in headers.get(name, "").split(",")]
    for parameter in re.split("[&;]", query):
        name, _, value = parameter.partition("=")
        if _IN_QUERY.match(unquote_plus(name).partition("\0")[0].strip()):
            named.append(unquote_plus(value))
    return {each.strip().upper() for each in named} - {""}


def _is_preflight(method: str, query: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a browser asks before it sends something (Fetch, 3.3.2), and nothing else."""
    wanted = headers.get("access-control-request-method", "").strip().upper()
    if method != "OPTIONS" or not headers.get("origin") or not _METHOD.match(wanted):
        return False
    has_body = any(headers.get(name, "") not in {"", "0"} for name in _LENGTHS)
    has_more = has_body or any(headers.get(name) for name in _NOT_OF_PREFLIGHTS)
    return not has_more and not _overrides(query, headers)


def _refuse_nowhere(method: str, methods: tuple[str, ...], headers: Mapping[str, str]) -> None:
    """Refuse what writes to a second path and does not say where (RFC 4918, 9.8.3). A preflight
    asks for a method that is not its own, before it says so.
    """
    is_own = method in methods and not _WITH_DESTINATION.isdisjoint(methods)
    if is_own and not headers.get("destination", "").strip():
        raise InvalidRequest("Destination is missing.")


def _readings(
    path: str, methods: tuple[str, ...], headers: Mapping[str, str]
) -> tuple[Reading, ...]:
    """Return the readings of the path that is asked for, and of the one that is written to."""
    found = paths.readings(path)
    there = headers.get("destination", "").strip()
    if not there or _WITH_DESTINATION.isdisjoint(methods):
        return found
    parts = _NEXT.split(there, maxsplit=_MOST_PLACES)
    if len(parts) > _MOST_PLACES:
        raise InvalidRequest("Destination names too many places.")
    for each in {",".join(parts), *parts}:
        found += _of_destination(each)
    found = tuple(dict.fromkeys(found))
    if len(found) > _MOST_READINGS:
        raise InvalidRequest("Destination can be read in too many ways.")
    return found


def _of_destination(text: str) -> tuple[Reading, ...]:
    """Return the readings of a place that is written to: an address with a scheme, or a path (RFC
    4918, 10.3). Its query is judged as a part of it: not everybody cuts it off.

    Raises `InvalidRequest` for what names a host without a scheme, in whatever spelling: some
    applications take the path behind that host, some all of it (RFC 3986, 4.2).
    """
    url = _URL.match(text)
    if url:
        host_of(url["authority"].lower())
    place = url["target"] if url else text
    paths.split(place)
    found = paths.readings(place)
    if not url and any(each.path.startswith(("//", "/\\")) for each in found):
        raise InvalidRequest("Destination is neither an address with a scheme nor a path.")
    return found


def _upgrade(headers: Mapping[str, str]) -> str:
    """Return what the connection is to become. Traefik tells of a WebSocket's key alone."""
    named = headers.get("upgrade", "").lower()
    return named or ("websocket" if "sec-websocket-key" in headers else "")


def _wants_page(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser goes to a page: by a safe method it can be sent to sign in."""
    if headers.get("x-requested-with") or headers.get("upgrade"):
        return False
    if headers.get("authorization"):
        return False
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode is not None else _takes_html(headers)


def _page_of(referer: str, scheme: str, authority: str) -> str:
    """Return the page of the same origin from which a request comes; the first one for none."""
    target = referer.removeprefix(f"{scheme}://{authority}")
    return target if target != referer and paths.is_target(target) else "/"


def _is_of_a_browser(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser sends the request, for whatever: a page, a form, a script."""
    return "sec-fetch-mode" in headers or _takes_html(headers)


def _takes_html(headers: Mapping[str, str]) -> bool:
    return bool(_HTML.search(headers.get("accept", "").lower()))

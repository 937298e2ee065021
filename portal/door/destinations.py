"""Where a person may be sent: local paths and the configured front ends, nothing else.

The ways in which others were fooled are R13 to R16, R18, R19, R22 and R25 of docs/threats.md.
"""

import posixpath
import re
from urllib.parse import unquote, urlsplit

from django.utils.http import url_has_allowed_host_and_scheme

from accounts import conf
from accounts.http import origin_of
from accounts.offers import offered

LONGEST = 2000
# Paths whose GET does something: a sign-in must not end in a sign-out.
_NOT_THERE = ("/auth/", "/login", "/logout", "/session/", "/openid/", "/i18n/", "/oauth/logout")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\]")


def safe_destination(value: str | None, *, internal: bool = False) -> str:
    """Return `value` when a person may be sent there, else the empty string.

    A local path, an absolute URL whose origin is exactly one of `VESTIBULE_FRONTEND_ORIGINS`, or
    one that a room knows the application of (`leads_to` of its AppConfig). Control characters,
    blanks and backslashes are refused before Django's own check, which lets some of them through.
    `internal` also admits our own sign-in paths. A URL of more than 2000 characters, which no
    cookie could carry, is led to without its query.
    """
    if value and len(value) > LONGEST and value.startswith(("https://", "http://")):
        value = re.split("[?#]", value, maxsplit=1)[0]
    if not value or len(value) > LONGEST or _CONTROL.search(value):
        return ""
    if value.startswith("/"):
        return value if _is_local(value, internal) else ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin not in conf.frontend_origins() and not any(
        leads_to(parts.scheme, parts.netloc) for leads_to in offered("leads_to")
    ):
        return ""
    ours = origin_of(origin) == origin_of(conf.site_url())
    return value if not ours or _is_local(value.removeprefix(origin) or "/", internal) else ""


def place_of(destination: str) -> str:
    """Return what a person goes on to, as they know it: the name of an application that a room
    knows (`names_place` of its AppConfig), else the host of a front end; nothing for a page of this
    site.
    """
    if destination:
        for name_of in offered("names_place"):
            if name := name_of(destination):
                return str(name)
    return urlsplit(destination).netloc


def _is_local(path: str, internal: bool) -> bool:
    if path.startswith("//") or not url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return False
    return internal or not _arrives_at(path).startswith(_NOT_THERE)


def _arrives_at(path: str) -> str:
    """Return the path that is served in the end: decoded, as a server does once, and without dot
    segments, which a browser finds when they are encoded as well (RFC 3986, 5.2.4; 6.2.2.2).
    """
    plain = unquote(re.split("[?#]", path, maxsplit=1)[0]).lower()
    ends = "/" if plain.endswith(("/", "/.", "/..")) else ""
    return posixpath.normpath(plain).rstrip("/") + ends

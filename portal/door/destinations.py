"""Where a person may be sent: local paths and the configured front ends, nothing else.

The ways in which others were fooled are R13 to R16, R18, R19, R22 and R25 of docs/threats.md.
"""

import re
from urllib.parse import urlsplit

from django.utils.http import url_has_allowed_host_and_scheme

from accounts import conf

LONGEST = 2000
# Paths whose GET does something: a sign-in must not end in a sign-out.
_NOT_THERE = ("/auth/", "/login", "/logout", "/session/", "/openid/", "/i18n/")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\]")


def safe_destination(value: str | None, *, internal: bool = False) -> str:
    """Return `value` when a person may be sent there, else the empty string.

    A local path, or an absolute URL whose origin is exactly one of `VESTIBULE_FRONTEND_ORIGINS`.
    Control characters, blanks and backslashes are refused before Django's own check, which lets
    some of them through. `internal` also admits our own sign-in paths.
    """
    if not value or len(value) > LONGEST or _CONTROL.search(value):
        return ""
    if value.startswith("/"):
        return value if _is_local(value, internal) else ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    if f"{parts.scheme}://{parts.netloc}" in conf.frontend_origins():
        return value
    return ""


def _is_local(path: str, internal: bool) -> bool:
    if path.startswith("//") or not url_has_allowed_host_and_scheme(path, allowed_hosts=None):
        return False
    return internal or not path.lower().startswith(_NOT_THERE)

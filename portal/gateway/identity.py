"""The headers by which an application learns who asks (docs/gateway.md 5)."""

from collections.abc import Iterable
from urllib.parse import quote

from accounts.session.typed import Session

NAMES = (
    "Remote-User",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
    "X-Session-Type",
    "X-Session-Source",
)
# What a header's value holds as it is: visible ASCII but `%`, which begins an escape, and blanks
# inside (RFC 9110, 5.5). In a list the comma is the separator.
_KEPT = "!\"#$&'()*+,/:;<=>?@[\\]^_`{|}~ "
_KEPT_IN_LISTS = _KEPT.replace(",", "")
# A web server's buffer for all headers of an answer is four kilobytes (nginx).
_LONGEST_GROUPS = 2000


def headers(session: Session, user: str, email: str, groups: Iterable[str]) -> dict[str, str]:
    """Return all of `NAMES`; empty where nothing is known, the type `anonymous` for nobody."""
    values = (
        encoded(user),
        encoded(session.name),
        encoded(email),
        _list(groups),
        session.type,
        session.source,
    )
    return dict(zip(NAMES, values, strict=True))


def encoded(text: str, kept: str = _KEPT) -> str:
    """Return `text` as a header may hold it: UTF-8, percent-encoded (RFC 3986, 2.1) where it is
    not visible ASCII, and where it begins or ends with a blank.
    """
    value = quote(text, safe=kept, errors="replace")
    inner = value.strip(" ")
    before = len(value) - len(value.lstrip(" "))
    after = len(value) - len(inner) - before
    return "%20" * before + inner + "%20" * after


def _list(groups: Iterable[str]) -> str:
    """Return names separated by commas; those beyond the room for them are left out."""
    found, length = [], 0
    for name in groups:
        value = encoded(name, _KEPT_IN_LISTS)
        length += len(value) + 1
        if length > _LONGEST_GROUPS:
            break
        found.append(value)
    return ",".join(found)

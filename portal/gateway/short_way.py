"""The short way of `/gateway/check`: the same answer as the middleware `Gate`, without Django."""

from functools import lru_cache

from django.db import DatabaseError
from django.http.request import HttpHeaders

from accounts.database import as_for_a_request
from portal.gateway import check, known
from portal.server.kept import KEEP, Keep
from portal.server.short_ways import Answer, Environ
from portal.server.unreadable import UNREADABLE


def answer(environ: Environ) -> Answer | None:
    """Return the answer to a question, None for anything else and while there is no database."""
    if environ["PATH_INFO"] != check.PATH:
        return None
    try:
        with as_for_a_request():
            return _said(environ, *check.weighed(_question(environ), known.identify))
    except DatabaseError:
        return None


def at_hand(environ: Environ) -> Answer | None:
    """Return the same where it takes no query, in the event loop; else None."""
    if environ["PATH_INFO"] != check.PATH:
        return None
    found = check.at_hand(_question(environ), known.at_hand)
    return _said(environ, *found) if found else None


def _question(environ: Environ) -> check.Question:
    return check.Question(
        query=environ["QUERY_STRING"],
        headers={name: value for key, value in environ.items() if (name := _header(key))},
        address=environ["REMOTE_ADDR"],
        unreadable=environ.get(UNREADABLE, frozenset()),
    )


def _said(environ: Environ, found: check.Answer, keep: Keep | None) -> Answer:
    if keep:
        environ[KEEP] = keep
    return Answer(found.status, found.headers, found.body, has_line=False)


@lru_cache(maxsize=512)
def _header(key: str) -> str:
    """Return the name of the header that a variable holds, in lower case; nothing for any other."""
    return (HttpHeaders.parse_header_name(key) or "").lower()

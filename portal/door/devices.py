"""The device cookie: which people have signed in in this browser (OWASP's guard against lock-outs).

A sealed cookie holds, for the last few of them, a digest of who and a random name of the browser.
It lets nobody in: it gives their guesses counters of their own, so that strangers who guess at a
name, or fail from the same address, shut its owner out of no browser that they use.
"""

import secrets

from django.http import HttpRequest, HttpResponse

from accounts.keyring import digest
from accounts.models.users import username_key
from portal.door import cookies

COOKIE = "vestibule-device"
SECONDS = 180 * 86400
AT_MOST = 5


def known(request: HttpRequest, source: str, name: str) -> str:
    """Return the name of this browser when `name` has signed in at `source` in it, or nothing."""
    return _held(request).get(_key(source, name), "")


def anybody(request: HttpRequest) -> str:
    """Return the digest of who has signed in in this browser last, or nothing."""
    return next(iter(_held(request)), "")


def remember(request: HttpRequest, response: HttpResponse, source: str, name: str) -> None:
    """Leave a browser the cookie in which `name` has just signed in at `source`."""
    held, key = _held(request), _key(source, name)
    entry = {key: held.pop(key, "") or secrets.token_urlsafe(16)}
    kept = list({**entry, **held}.items())[:AT_MOST]
    cookies.remember(response, COOKIE, kept, SECONDS)


def _held(request: HttpRequest) -> dict[str, str]:
    found = cookies.recall(request, COOKIE)
    return dict(found) if isinstance(found, list) else {}


def _key(source: str, name: str) -> str:
    return digest("\0".join((source, username_key(name))))[:22]

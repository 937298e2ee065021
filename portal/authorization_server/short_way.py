"""The short way of a device's poll: while its person has not decided, Django is not asked.

It costs one query. Only what is certain is answered here: a public client, a form with the three
fields of RFC 8628, 3.4, a device that waits and that polls in time. All else is Django's.
"""

import re
from functools import partial

from django.db import DatabaseError

from accounts.database import as_for_a_request
from accounts.keyring import digest
from portal.authorization_server import devices, wire
from portal.authorization_server.errors import AuthorizationPending
from portal.authorization_server.models import Client
from portal.server.learned import Learned
from portal.server.short_ways import LEARN, Answer, Environ

_PLACE = "/oauth/token"
_FORM = re.compile(re.escape(wire.FORM) + r"(?:; ?charset=utf-8)?", re.IGNORECASE)
# What is its own text when it is decoded.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_GRANTS = {Client.GRANT_DEVICE_CODE, Client.GRANT_DEVICE_CODE.replace(":", "%3A")}
_FIELDS = {"grant_type", "client_id", "device_code"}
# What the head of the answer depends on, beside the settings.
_SHAPE = ("HTTP_HOST", "wsgi.url_scheme", "HTTP_ORIGIN", "HTTP_ACCEPT_LANGUAGE")
_LONGEST_SHAPE = 1000

_pending = Learned[Answer](most=200)


def answer(environ: Environ) -> Answer | None:
    """Return the answer to the poll of a device that waits; None for all else."""
    if environ["PATH_INFO"] != _PLACE or not _is_plain(environ):
        return None
    asked = _asked(environ)
    shape = tuple(environ.get(name, "") for name in _SHAPE)
    if asked is None or sum(map(len, shape)) > _LONGEST_SHAPE:
        return None
    known = _pending.find(shape)
    if known is None:
        environ[LEARN] = partial(_learn, shape)
        return None
    key = digest(asked["device_code"])
    try:
        with as_for_a_request():
            interval = devices.interval_of(key, asked["client_id"])
    except DatabaseError:
        return None  # Django says what is to be said then
    # Once it is counted, the poll is answered here; one that comes too early is Django's.
    return known if interval is not None and devices.is_in_time(key, interval) else None


def _learn(shape: tuple[str, ...], answer: Answer) -> None:
    """Keep Django's answer, if it is the one to a poll that waits."""
    said = f'"error": "{AuthorizationPending.error}"'.encode()
    if answer.status == AuthorizationPending.status and said in answer.body:
        _pending.keep(shape, answer)


def _is_plain(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] == "POST"
        and not environ["QUERY_STRING"]
        and not environ.get("HTTP_COOKIE")
        and "HTTP_AUTHORIZATION" not in environ
        and _FORM.fullmatch(environ.get("CONTENT_TYPE", "")) is not None
    )


def _asked(environ: Environ) -> dict[str, str] | None:
    """Return the three fields, None for any other body. The body is there to be read again."""
    body = environ["wsgi.input"].read()
    environ["wsgi.input"].seek(0)
    pairs = [pair.partition("=")[::2] for pair in body.decode("latin-1").split("&")]
    fields = dict(pairs)
    if len(pairs) != len(_FIELDS) or fields.keys() != _FIELDS:
        return None
    if fields.pop("grant_type") not in _GRANTS or not all(map(_PLAIN.fullmatch, fields.values())):
        return None
    return fields

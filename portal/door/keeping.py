"""Answers that the front may keep: how long they stand."""

import time
from typing import Any

from django.http import HttpRequest

from accounts.session.store import SEEN_EVERY
from portal import conf
from portal.server.kept import KEEP, Keep


def keep(request: HttpRequest) -> None:
    """Let the front keep the answer, which follows from the cookie's session and from nothing else
    that may change: until something is to be done for the session. Without a session cookie it is
    a minute.
    """
    if conf.session_cookie() not in request.COOKIES:
        request.META[KEEP] = Keep(time.time() + SEEN_EVERY.total_seconds(), frozenset())
        return
    store: Any = request.session
    until = store.stands_until()
    if until is not None and not store.modified:
        marks = frozenset({("session", store.typed.uid), ("key", store.key_digest)})
        request.META[KEEP] = Keep(until.timestamp(), marks)

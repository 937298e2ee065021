"""Mails with a link to set a password. They leave after the answer, in two threads of their own.

So the answer takes the same time whoever was asked for, and no page waits for a mail server. What
cannot be sent is logged; the person asks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache

import structlog
from django.core.mail import send_mail
from django.db import connections
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from limits import RateLimitItemPerHour

from accounts import conf, events
from accounts.errors import TooManyRequests
from accounts.login import lockout
from accounts.models import User
from accounts.provider import Visit
from providers.local import recovery

THREADS = 2
WAITING = 50
MAILS = RateLimitItemPerHour(5, namespace="password-mail")

log = structlog.get_logger("vestibule.mail")


def send_forgotten(identifier: str, visit: Visit) -> None:
    """Mail a link to whoever is called `identifier` and may have one. Returns at once, and alike
    whether or not there is anybody.
    """
    language = translation.get_language()
    _later(lambda: _send_to_all(identifier, visit, language))


def send_password_link(user: User, *, first: bool = False) -> bool:
    """Mail the person a link to set a password; `first` welcomes somebody who never had one.

    Returns False when the person has no address or is not let in; True means it is on its way.
    """
    if not user.email or user.status != User.Status.ACTIVE:
        return False
    language = translation.get_language()
    _later(lambda: _send(user, language, first=first))
    return True


def drain(seconds: float = 10.0) -> None:
    """Wait until the mails that are on their way have left."""
    wait(list(_under_way), timeout=seconds)


def reset() -> None:
    """Let nothing of one test reach into the next."""
    drain()


_under_way: set[Future[None]] = set()
_places = threading.BoundedSemaphore(WAITING)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="mail")


def _later(job: Callable[[], None]) -> None:
    """Do the job in a thread; when fifty wait already, a mail more would not help anybody."""
    if not _places.acquire(blocking=False):
        log.warning("mail.queue_full")
        return
    under_way = _threads().submit(_do, job)
    _under_way.add(under_way)
    under_way.add_done_callback(_under_way.discard)


def _do(job: Callable[[], None]) -> None:
    try:
        job()
    except Exception as error:  # noqa: BLE001  # a thread has nobody to raise to; the log is read
        log.warning("mail.failed", error=type(error).__name__)
    finally:
        connections.close_all()
        _places.release()


def _send_to_all(identifier: str, visit: Visit, language: str | None) -> None:
    for user in recovery.people_called(identifier):
        try:
            lockout.spend(MAILS, user.uid)
        except TooManyRequests:
            continue  # this person's mail box has enough of them
        _send(user, language, first=False)
        events.record(events.event("password.link-sent", visit, user=user))


def _send(user: User, language: str | None, *, first: bool) -> None:
    """Send one mail. Every word of it is ours: no name that somebody could fill with an offer."""
    token = recovery.tokens.make_first(user) if first else recovery.tokens.make_token(user)
    with translation.override(language):
        link = f"{conf.site_url()}/login/reset/{user.uid}/{token}"
        context = {"link": link, "site": conf.site_url(), "user": user, "first": first}
        subject = _("Choose your password") if first else _("Set a new password")
        send_mail(subject, render_to_string("password/mail.txt", context), None, [user.email])

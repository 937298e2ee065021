"""Mails with a link to set a password. They leave by the outbox, after the answer.

So the answer takes the same time whoever was asked for, no page waits for a mail server, and a mail
survives a restart. A link is made when its mail leaves, and lives from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from limits import RateLimitItemPerHour

from accounts import conf, events, outbox
from accounts.errors import TemporarilyUnavailable, TooManyRequests
from accounts.login import lockout
from accounts.models import User
from accounts.provider import Visit
from providers.local import recovery

MAILS = RateLimitItemPerHour(5, namespace="password-mail")


def ask(source: str, identifier: str, visit: Visit) -> None:
    """Post the question who is called `identifier`; the answer posts their links.

    Costs one row, alike whether or not there is anybody.
    """
    asked = {"identifier": identifier, "visit": asdict(visit)}
    outbox.post_mail(source, {**asked, "language": translation.get_language()})


def post(source: str, user: User, *, first: bool) -> bool:
    """Post a link to set a password; `first` welcomes somebody who never had one.

    Returns False when the person has no address or is not let in.
    """
    if not user.email or user.status != User.Status.ACTIVE:
        return False
    language = translation.get_language()
    outbox.post_mail(source, {"uid": user.uid, "first": first, "language": language})
    return True


def deliver(source: str, message: Mapping[str, Any]) -> None:
    """Do what was posted. Raises `TemporarilyUnavailable` when the mail server does not answer."""
    if "identifier" in message:
        _answer(source, message)
        return
    found = User.objects.filter(uid=message["uid"], status=User.Status.ACTIVE).exclude(email="")
    user = found.first()
    if user is None:
        return  # not let in any more, or without an address
    _send(user, message["language"], first=message["first"])
    if "visit" in message:
        visit = Visit(**message["visit"])
        events.record(events.event("password.link-sent", visit, user=user))


def _answer(source: str, asked: Mapping[str, Any]) -> None:
    """Post a link to each person who is called so, unless their mail box has enough of them."""
    rest = {"first": False, "visit": asked["visit"], "language": asked["language"]}
    with transaction.atomic():
        for user in recovery.people_called(asked["identifier"]):
            try:
                lockout.spend(MAILS, user.uid)
            except TooManyRequests:
                continue
            outbox.post_mail(source, {"uid": user.uid, **rest})


def _send(user: User, language: str | None, *, first: bool) -> None:
    """Send one mail. Every word of it is ours: no name that somebody could fill with an offer."""
    token = recovery.tokens.make_first(user) if first else recovery.tokens.make_token(user)
    with translation.override(language):
        link = f"{conf.site_url()}/login/reset/{user.uid}/{token}"
        context = {"link": link, "site": conf.site_url(), "user": user, "first": first}
        subject = _("Choose your password") if first else _("Set a new password")
        text = render_to_string("password/mail.txt", context)
    try:
        send_mail(subject, text, None, [user.email])
    except OSError as error:  # smtplib's errors are such, too
        raise TemporarilyUnavailable("The mail server does not take the mail.") from error

"""Mails that tell people what happened to their account, so that they notice what was not they.

Every word of them is ours: no name that somebody could fill with an offer.
"""

from collections.abc import Mapping
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import conf
from accounts.errors import TemporarilyUnavailable
from accounts.models import User

# By the event that is told: the subject, and what happened.
_WORDS = {
    "password.changed": (
        _("A new password was set for your account"),
        _("It signs in to the account %(username)s now, and no former one does, at:"),
    ),
    "identity.linked": (
        _("A way to sign in was added to your account"),
        _("From now on one can sign in that way to the account %(username)s at:"),
    ),
    "identity.unlinked": (
        _("A way to sign in was removed from your account"),
        _("Nobody can sign in that way any more to the account %(username)s at:"),
    ),
    "person.merged": (
        _("Two accounts of yours are one now"),
        _("An administrator merged them. All ways in of both lead to the account %(username)s at:"),
    ),
    "passkey.added": (
        _("A passkey was added to your account"),
        _("From now on it signs in to the account %(username)s at:"),
    ),
    "passkey.removed": (
        _("A passkey was removed from your account"),
        _("It does not sign in any more to the account %(username)s at:"),
    ),
    "passkey.cloned": (
        _("A passkey of your account is blocked"),
        _("There may be a copy of it, so it does not sign in to the account %(username)s at:"),
    ),
    "second.added": (
        _("A second step was set up for your account"),
        _("Signing in with the password of the account %(username)s now takes a code as well at:"),
    ),
    "second.removed": (
        _("The second step of your account was removed"),
        _("The password alone now signs in to the account %(username)s at:"),
    ),
    "second.reset": (
        _("The second step of your account was reset"),
        _("An administrator took the authenticator of the account %(username)s away at:"),
    ),
    "recovery.used": (
        _("A recovery code of your account was used"),
        _("It signed in to the account %(username)s, and counts no more at:"),
    ),
    "recovery.made": (
        _("New recovery codes were made for your account"),
        _("Those of before count no more for the account %(username)s at:"),
    ),
}


def deliver(message: Mapping[str, Any]) -> None:
    """Send what was posted; nothing to somebody who has gone, or has no verified address any more.

    `message` has the `uid` of the person, what is `told` (an event's name), and the `language`. An
    `address` is that of somebody who has become one with the person, and was verified.
    """
    user = User.objects.filter(uid=message["uid"]).first()
    own = user.email if user and user.email_verified else ""
    address = message.get("address", own)
    if user is None or not address:
        return
    with translation.override(message["language"]):
        subject, sentence = _WORDS[message["told"]]
        context = {
            "sentence": sentence % {"username": user.username},
            "site": conf.site_url(),
            "is_password": message["told"] == "password.changed",
        }
        send(str(subject), render_to_string("password/told.txt", context), address)


def send(subject: str, text: str, address: str) -> None:
    """Send a mail. Raises `TemporarilyUnavailable` when the mail server does not take it."""
    try:
        send_mail(subject, text, None, [address])
    except OSError as error:  # smtplib's errors are such, too
        raise TemporarilyUnavailable("The mail server does not take the mail.") from error

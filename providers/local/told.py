"""Mails that tell people what happened to their account, so that they notice what was not they.

Every word of them is ours: no name that somebody could fill with an offer.
"""

import re
import smtplib
from collections.abc import Mapping
from typing import Any

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import conf
from accounts.cache import reasons
from accounts.errors import NotTaken, TemporarilyUnavailable
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


# The code of an answer, and what it means more closely (RFC 5321, 4.2; RFC 3463, 2). The words that
# follow may quote the address, or the mail with its link.
_CODES = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}\b")
_CLOSING = 421


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
    """Send a mail. Raises `NotTaken` when the mail server refuses this address or this mail, and
    `TemporarilyUnavailable` when it takes none, each with the code of its answer.
    """
    try:
        send_mail(subject, text, None, [address])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refusal(code, said, "the address") from None
    except smtplib.SMTPDataError as error:
        raise _refusal(error.smtp_code, error.smtp_error, "the mail") from None
    except smtplib.SMTPSenderRefused as error:
        told = f"The mail server refuses the sender ({_code(error.smtp_code, error.smtp_error)})."
        raise TemporarilyUnavailable(told) from None
    except OSError as error:  # smtplib's errors are such, too
        why = reasons.of(error)
        raise TemporarilyUnavailable(f"The mail server does not take the mail: {why}.") from error


def _refusal(code: int, said: bytes | str, what: str) -> TemporarilyUnavailable:
    kind = TemporarilyUnavailable if code == _CLOSING else NotTaken
    return kind(f"The mail server refuses {what} ({_code(code, said)}).")


def _code(code: int, said: bytes | str) -> str:
    found = _CODES.match(said if isinstance(said, bytes) else said.encode())
    return f"{code} {found[0].decode()}" if found else str(code)

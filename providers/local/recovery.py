"""Links by which people set a password, the forgotten one or their first, and the mails with them.

A link works once and for a limited time. It lapses when the password, the address, the epoch of the
person's sessions or whether they open the administration changes (docs/threats.md, U05). It is made
when its mail leaves, by the outbox and after the answer, so that the answer takes the same time
whoever was asked for, no page waits for a mail server, and a mail survives a restart.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from limits import RateLimitItemPerHour

from accounts import conf, ended, events, outbox
from accounts.errors import InvalidGrant, TooManyRequests
from accounts.login import lockout
from accounts.models import Event, Identity, User
from accounts.models.users import username_key
from accounts.provider import Visit
from accounts.session import devices, farewell, people
from accounts.telling import tell
from providers.local import told
from providers.local.passwords import well_formed

# Somebody new reads the mail when they first come to work, not within the hour.
FIRST_PASSWORD_GRACE = timedelta(days=3)
LONGEST_UID = 32
LONGEST_TOKEN = 100
MOST_PEOPLE = 3
MAILS = RateLimitItemPerHour(5, namespace="password-mail")
# Whoever was invited and has never come in: the desk has mailed them a link to that address before.
# An account of an administrator's opens by no address that another has typed.
_INVITED = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX, is_staff=False, is_superuser=False) & ~(
    Exists(Identity.objects.filter(user=OuterRef("pk")).exclude(source__slug="local"))
)


class LinkTokens(PasswordResetTokenGenerator):
    """Makes and checks the token of a link: a keyed hash, with its time in front."""

    key_salt = "providers.local.recovery"

    def make_first(self, user: User) -> str:
        """Return the token of a link to the first password, which lives three days longer."""
        later = self._now() + FIRST_PASSWORD_GRACE
        return self._make_token_with_timestamp(user, self._num_seconds(later), self.secret)

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        known = (user.uid, user.password, user.session_epoch, user.status, user.email)
        # Of others the hash is that of former releases, so that their links outlive an upgrade.
        rights = [mark for mark in ("is_staff", "is_superuser") if getattr(user, mark)]
        return "\0".join(str(part) for part in (*known, *rights, timestamp))

    def _now(self) -> datetime:
        # In UTC, so that a link does not live an hour more or less when the clocks are turned.
        return datetime.now(UTC).replace(tzinfo=None)


tokens = LinkTokens()


def people_called(identifier: str) -> QuerySet[User]:
    """Return who is meant by a username or an e-mail address and may have a link.

    They are active, can sign in with a password here, and have an address that is known as theirs.
    Of whoever was invited, and has not come in yet, any address will do.
    """
    typed = identifier.strip()
    return (
        User.objects.filter(
            Q(username_key=username_key(typed)) | Q(email__iexact=typed),
            Q(email_verified=True) | _INVITED,
            status=User.Status.ACTIVE,
            identities__source__slug="local",
        )
        .exclude(email="")
        .distinct()
        .order_by("-email_verified", "pk")[:MOST_PEOPLE]
    )


def holder(uid: str, token: str) -> User | None:
    """Return the person whom a link belongs to, or None when it does not work (any more)."""
    if not (well_formed(uid, LONGEST_UID) and well_formed(token, LONGEST_TOKEN)):
        return None
    user = User.objects.filter(uid=uid, status=User.Status.ACTIVE).first()
    return user if user and tokens.check_token(user, token) else None


def redeem(user: User, password: str, by: Visit) -> None:
    """Set a new password for the `holder` of a link, and end all sessions of the person. Who reads
    what is mailed to the address has shown that it is theirs.

    Of many uses of one link one wins: the password changes only if it is still the one that `user`
    was loaded with. Raises `InvalidGrant` for the others, `TemporarilyUnavailable` when too many
    passwords are being hashed.
    """
    fresh = make_password(password)
    unchanged = User.objects.filter(
        pk=user.pk,
        password=user.password,
        session_epoch=user.session_epoch,
        status=User.Status.ACTIVE,
        email=user.email,
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
    )
    with transaction.atomic():
        if not unchanged.update(password=fresh, email_verified=True):
            raise InvalidGrant("This link was used already.")
        if not user.email_verified:
            user.email_verified = True
            ended.announce(ended.PERSON, [str(user.pk)])
        user.give_local_identity()
        people.end_all(user.pk, "password changed", farewell.PASSWORD)
        devices.forget_others(user.pk, by)
        tell("password.changed", user, by, detail="by a mailed link")


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
    outbox.post_mail(source, {**_to(user), "first": first, "language": language})
    return True


def post_farewell(source: str, uid: str, address: str) -> None:
    """Post the word to a former address of a person that an administrator has changed it."""
    moved = {"uid": uid, "former": address, "language": translation.get_language()}
    outbox.post_mail(source, moved)


def deliver(source: str, message: Mapping[str, Any]) -> None:
    """Do what was posted. Raises `TemporarilyUnavailable` when the mail server does not answer."""
    if "identifier" in message:
        _answer(source, message)
        return
    if "former" in message:
        _tell(message)
        return
    if "told" in message:
        told.deliver(message)
        return
    found = User.objects.filter(uid=message["uid"], status=User.Status.ACTIVE).exclude(email="")
    user = found.first()
    if user is None or user.session_epoch != message.get("epoch", user.session_epoch):
        return  # not let in any more, without an address, or all sessions have ended since
    _send(user, message["language"], first=message["first"])
    if "visit" in message:
        # Anybody may have asked, from an address that is not the person's.
        asked, site = Visit(**message["visit"]), Event.Actor.SITE
        events.record(events.event("password.link-sent", asked, user=user, actor=site))


def _answer(source: str, asked: Mapping[str, Any]) -> None:
    """Post a link to each person who is called so, unless their mail box has enough of them."""
    rest = {"first": False, "visit": asked["visit"], "language": asked["language"]}
    with transaction.atomic():
        for user in people_called(asked["identifier"]):
            try:
                lockout.spend(MAILS, user.uid)
            except TooManyRequests:
                continue
            outbox.post_mail(source, {**_to(user), **rest})


def _to(user: User) -> dict[str, Any]:
    """Return whom a link is for: one that has not left yet lapses as the others do."""
    return {"uid": user.uid, "epoch": user.session_epoch}


def _send(user: User, language: str | None, *, first: bool) -> None:
    """Send one mail. Every word of it is ours: no name that somebody could fill with an offer."""
    token = tokens.make_first(user) if first else tokens.make_token(user)
    with translation.override(language):
        link = f"{conf.site_url()}/login/reset/{user.uid}/{token}"
        context = {"link": link, "site": conf.site_url(), "user": user, "first": first}
        subject = _("Choose your password") if first else _("Set a new password")
        text = render_to_string("password/mail.txt", context)
    told.send(subject, text, user.email)


def _tell(message: Mapping[str, Any]) -> None:
    """Send the word to a former address; none about somebody who has gone meanwhile."""
    user = User.objects.filter(uid=message["uid"]).first()
    if user is None:
        return
    with translation.override(message["language"]):
        subject = _("Your e-mail address was changed")
        context = {"site": conf.site_url(), "user": user}
        text = render_to_string("password/moved.txt", context)
    told.send(subject, text, message["former"])

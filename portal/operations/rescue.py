"""The last way in: a link from the terminal, for an administrator whom nothing else lets in.

It needs no mail, no upstream, no password and no second factor: whoever has the terminal of the
site has its database and its keys already. It counts once, for ten minutes, for a person who is an
administrator when it is made and when it is used (docs/operations.md 4).
"""

import secrets
from collections.abc import Callable
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import events
from accounts.errors import InvalidGrant
from accounts.factors import keeping, passkeys
from accounts.keyring import digest
from accounts.login import own
from accounts.models import Event, Source, User
from accounts.models.users import username_key
from accounts.provider import Authentication, Visit
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal import conf

LIFE = timedelta(minutes=10)
LONGEST = 100
# Begins a session for an outcome, and returns its uid.
Enter = Callable[[ConfiguredSource, Authentication], str]


class NotAnAdministrator(Exception):
    """Nobody of that name is an administrator who is let in."""


class Rescue(models.Model):
    """A link that was made. `digest` is of its secret; `epoch` the person's own at that moment."""

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "operations"
        default_permissions = ()
        verbose_name = _("link from the terminal")

    def __str__(self) -> str:
        return str(self.user)


def issue(username: str, by: str) -> str:
    """Return the secret of a new link for the administrator `username`; `by` says who has made it.

    Raises `NotAnAdministrator`.
    """
    found = User.objects.filter(username_key=username_key(username))
    user = found.filter(is_staff=True, status=User.Status.ACTIVE).first()
    if user is None:
        raise NotAnAdministrator
    secret, now = secrets.token_urlsafe(32), timezone.now()
    with transaction.atomic():
        Rescue.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()
        user.give_local_identity()
        Rescue.objects.create(
            digest=digest(secret), user=user, epoch=user.session_epoch, expires_at=now + LIFE
        )
        said, site = f"on the terminal, by {by}", Event.Actor.SITE
        events.record(events.event("letmein.issued", user=user, detail=said, actor=site))
    return secret


def holder(secret: str) -> User | None:
    """Return the administrator whom a link lets in, None when it does not work (any more)."""
    row = _good(secret).select_related("user").first()
    return row.user if row and row.epoch == row.user.session_epoch else None


def redeem(secret: str, enter: Enter, visit: Visit, *, lost: bool = False) -> None:
    """Sign the holder of a link in by `enter`, in one transaction. Of many uses of one link one
    wins. `lost` takes the authenticator and the passkeys away. Raises `InvalidGrant` for the
    others, and what `enter` raises.
    """
    source = catalogue.of_session(Source.LOCAL)
    with transaction.atomic():
        row = _good(secret).select_related("user").first()
        if row is None or source is None or not _spend(row):
            raise InvalidGrant("This link does not work.")
        # Whoever has the terminal vouches for them.
        outcome = own.vouched(row.user, acr=conf.staff_strength(), epoch=row.epoch)
        uid = enter(source, outcome)
        events.record(events.event("letmein.used", visit, user=row.user, session_uid=uid))
        if lost:
            remove_factors(row.user, visit, "by a link from the terminal")


def remove_factors(user: User, visit: Visit, reason: str) -> None:
    """Take the authenticator and the passkeys away: one that stayed would be asked for, to remove
    it.
    """
    keeping.remove(user, visit, reason=reason)
    for pk in passkeys.of_person(user.pk).values_list("pk", flat=True):
        passkeys.remove(user.pk, pk, visit, reason)


def _spend(row: Rescue) -> bool:
    """Tell whether the link is ours to use. By its own columns: a condition on another table is not
    judged anew by who has waited for the winner.
    """
    return Rescue.objects.filter(pk=row.pk, used_at=None).update(used_at=timezone.now()) == 1


def _good(secret: str) -> models.QuerySet[Rescue]:
    """Return the row of a link that was not used, in time, of somebody who is let in."""
    return Rescue.objects.filter(
        digest=digest(secret[:LONGEST]),
        used_at=None,
        expires_at__gt=timezone.now(),
        user__is_staff=True,
        user__status=User.Status.ACTIVE,
    )

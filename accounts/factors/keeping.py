"""An authenticator set up, and taken away: by its person, or by whoever looks after them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.errors import EXPIRED, InvalidGrant
from accounts.factors import codes, totp
from accounts.factors.answer import WrongCode
from accounts.factors.typed_code import plain
from accounts.keyring import Unreadable, seal, unseal
from accounts.models import RecoveryCode, TotpKey, User
from accounts.provider import Visit
from accounts.telling import tell

_PURPOSE = "second-factor-offer"
_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret that a person may take on. `sealed` is how it travels in the form: nothing is stored
    before a code confirms it.
    """

    secret: str = field(repr=False)
    sealed: str = field(repr=False)


def offer(user: User) -> Offer:
    """Return a fresh secret for a person."""
    secret = totp.new_secret()
    return Offer(secret, seal([secret, timezone.now().isoformat()], _PURPOSE, user.uid))


def offered(user: User, sealed: str) -> Offer:
    """Return the secret that was offered to this person within the last half an hour. Raises
    `InvalidGrant` for none.
    """
    try:
        secret, made = unseal(sealed, _PURPOSE, user.uid)
        fresh = timezone.now() - datetime.fromisoformat(made) < _LIFE
    except (Unreadable, TypeError, ValueError):
        fresh = False
    if not fresh:
        raise InvalidGrant("The form is too old.", reason=EXPIRED)
    return Offer(secret, sealed)


def take(user: User, taken: Offer, code: str, visit: Visit, *, instead: bool = False) -> list[str]:
    """Let an authenticator count that shows the right `code`. Returns ten recovery codes, which end
    those of before.

    `instead` lets it take the place of a former one. Raises `WrongCode`; `totp.AlreadyThere` when
    the person has one by now.
    """
    beside = User.objects.filter(pk=user.pk).values_list(Now(), flat=True)
    step = totp.matching_step(taken.secret, plain(code), timezone.now(), *beside)
    if step is None:
        raise WrongCode
    with transaction.atomic():
        totp.add(user, taken.secret, step, instead=instead)
        tell("second.added", user, visit)
        return codes.renew(user)


def new_codes(user: User, visit: Visit) -> list[str]:
    """Return ten new recovery codes, which end those of before."""
    with transaction.atomic():
        tell("recovery.made", user, visit)
        return codes.renew(user)


def remove(user: User, visit: Visit, name: str = "second.removed", reason: str = "") -> bool:
    """Take a person's authenticator and recovery codes away. `name` is the event that tells of it,
    `reason` why. Returns False when there was nothing.
    """
    with transaction.atomic():
        gone = TotpKey.objects.filter(user_id=user.pk).delete()[0]
        gone += RecoveryCode.objects.filter(user_id=user.pk).delete()[0]
        if not gone:
            return False
        tell(name, user, visit, detail=reason)
    return True


def hand_over(stays: User, goes: User) -> None:
    """Give `stays` the authenticator of `goes` with its codes, where they have none."""
    if not totp.exists(stays) and totp.exists(goes):
        totp.hand_over(stays, goes)
        RecoveryCode.objects.filter(user_id=stays.pk).delete()
        RecoveryCode.objects.filter(user_id=goes.pk).update(user_id=stays.pk)

"""Recovery codes: ten for each person, for when the authenticator is gone. Each counts once.

A code is 80 random bits, so a fast hash keeps it: nobody tries 2^80 of them, whatever each try
costs. A slow one would only let strangers keep this site busy.
"""

import secrets

from django.db import transaction
from django.utils import timezone

from accounts.keyring import digest
from accounts.models import RecoveryCode, User

HOW_MANY = 10
# Crockford's Base32, which has no letters that look alike: five bits a letter.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH, _GROUP = 16, 4
_ALIKE = str.maketrans("oil", "011", "- ")


def renew(user: User) -> list[str]:
    """Make a new set, which ends the former one. Returns the codes, which are stored nowhere."""
    fresh = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(HOW_MANY)]
    with transaction.atomic():
        # The lock makes one set of two that are made at once.
        User.objects.select_for_update().filter(pk=user.pk).first()
        RecoveryCode.objects.filter(user_id=user.pk).delete()
        RecoveryCode.objects.bulk_create(
            RecoveryCode(user_id=user.pk, digest=_digest(code)) for code in fresh
        )
    return ["-".join(code[at : at + _GROUP] for at in range(0, LENGTH, _GROUP)) for code in fresh]


def use(user: User, typed: str) -> bool:
    """Spend a code, however it is written. Returns False for a wrong or a spent one: of many
    callers with one code one gets True.
    """
    code = typed.lower().translate(_ALIKE)
    if len(code) != LENGTH:
        return False
    mine = RecoveryCode.objects.filter(user_id=user.pk, digest=_digest(code), used_at=None)
    return mine.update(used_at=timezone.now()) == 1


def left(user: User) -> int:
    """Return how many codes a person has left."""
    return RecoveryCode.objects.filter(user_id=user.pk, used_at=None).count()


def _digest(code: str) -> str:
    return digest(f"recovery:{code}")

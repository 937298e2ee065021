"""Judging a password: at one price, whoever it is for."""

from django.contrib.auth.hashers import (
    check_password,
    get_hasher,
    identify_hasher,
    is_password_usable,
    make_password,
)

from accounts.errors import TemporarilyUnavailable
from accounts.models import User

LONGEST_NAME = 150


def well_formed(text: str, longest: int) -> bool:
    """Tell whether `text` is worth hashing or looking up: not too long, no NUL, real characters.

    Longer ones are refused at once, so that nobody can have megabytes hashed (U10).
    """
    if len(text) > longest or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, UTF-8 cannot
        return False
    return True


def fits(user: User | None, password: str) -> bool:
    """Tell whether `password` is the person's. Makes exactly one hash, also for nobody.

    A name that nobody has and a person without a password cost a hash at today's parameters, which
    is what a stored one costs (U04). Raises `TemporarilyUnavailable` when too many are being made.
    """
    if user is None or not _readable(user.password):
        make_password(password)
        return False
    return check_password(password, user.password)


def renew(user: User, password: str) -> None:
    """Hash the person's right password anew when the parameters, or the algorithm, have changed.

    Only if it is still the same one: a change made meanwhile must win. Sessions are untouched, and
    a busy moment leaves it to the next sign-in.
    """
    old, preferred = user.password, get_hasher()
    is_preferred = identify_hasher(old).algorithm == preferred.algorithm
    if is_preferred and not preferred.must_update(old):
        return
    try:
        fresh = make_password(password)
    except TemporarilyUnavailable:
        return
    User.objects.filter(pk=user.pk, password=old).update(password=fresh)


def _readable(encoded: str) -> bool:
    """Tell whether `encoded` is a hash of an algorithm that is still accepted."""
    if not is_password_usable(encoded):
        return False
    try:
        identify_hasher(encoded).decode(encoded)
    except ValueError:  # argon2's own error for a broken hash is one, too
        return False
    return True

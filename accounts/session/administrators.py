"""The administrators with all rights who can come in: one stays, whatever is changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Identity, Source, User
from accounts.source import catalogue


class LastAdministratorError(Exception):
    """The change would leave nobody with all rights who can come in; it was undone."""


@contextmanager
def kept() -> Iterator[None]:
    """Make a change, in a transaction; of two that would each leave the other's administrator, one
    waits for the other. Raises `LastAdministratorError` when nobody is left.
    """
    with transaction.atomic():
        hold()
        possible = bool(_ways_in())
        yield
        if possible and not _ways_in():
            raise LastAdministratorError


def hold() -> None:
    """Keep the rows of those with all rights, until the transaction is over."""
    # By `no_key` an event of theirs can be written by whoever holds a row that is waited for here.
    held = User.objects.select_for_update(no_key=True).filter(is_superuser=True)
    list(held.order_by("pk"))


def only_way_in() -> int | None:
    """Return the identity by which alone an administrator can come in; None when there are more."""
    first = _ways_in()[:2]
    return first[0] if len(first) == 1 else None


def _ways_in() -> list[int]:
    """Return the identities that let an administrator with all rights in, as sources are now."""
    able = Identity.objects.filter(
        user__is_superuser=True,
        user__is_staff=True,
        user__status=User.Status.ACTIVE,
        source__enabled=True,
        source__staff=True,
    )
    no_password = {"user__password__startswith": UNUSABLE_PASSWORD_PREFIX}
    found = able.exclude(source__slug=Source.LOCAL, **no_password).select_related("source")
    return [each.pk for each in found if _knows(each)]


def _knows(identity: Identity) -> bool:
    """Tell whether the source of `identity` still believes the issuer who named it."""
    try:
        issuer = catalogue.instance(identity.source).describe().issuer
    except ValidationError:  # settings that cannot be read let nobody in
        return False
    return not issuer or identity.issuer in {"", issuer}

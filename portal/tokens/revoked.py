"""Access tokens that are revoked, told to every worker by the ended feed.

Only those are told of that the gateway lets in: what is decided by one of them is kept. All others
are looked up each time.
"""

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from accounts import ended

# The scope without which the gateway lets no access token in.
GATEWAY = "gateway"
# The kind in the feed; the value is the SHA-256 of the token.
TOKEN = "token"  # noqa: S105  # a name


class TokenQuerySet(models.QuerySet[Any]):
    """Access tokens. Those that are deleted before they expire are told of in the same transaction;
    not those that go with their session, whose end is told.
    """

    def delete(self) -> tuple[int, dict[str, int]]:
        """Revoke the tokens. Returns what was deleted, as Django does. Costs one query more."""
        with transaction.atomic():
            self.announce()
            return super().delete()

    def announce(self) -> None:
        """Have every worker look at those again that count, in the caller's transaction."""
        told = self.filter(scope__contains=GATEWAY, expires__gt=timezone.now())
        _announce(told.values_list("token_checksum", flat=True))

    delete.alters_data = True  # type: ignore[attr-defined]  # as Django's own
    delete.queryset_only = True  # type: ignore[attr-defined]


def tell(row: Any) -> None:
    """Tell that the token of `row` is revoked, in the caller's transaction."""
    if GATEWAY in row.scope.split() and not row.is_expired():
        _announce([row.token_checksum])


def _announce(digests: Any) -> None:
    if found := list(digests):
        ended.announce(TOKEN, found)

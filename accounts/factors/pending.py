"""Sign-ins whose password was right and whose second step is awaited: sealed, once, ten minutes at
most, and for the browser that typed the password.

The browser's cookie holds a random name; the row's key is its SHA-256, with which the outcome is
sealed. So neither a dump of the table nor the cookie alone says who it is.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts import conf, errors, serialization
from accounts.errors import InvalidGrant
from accounts.factors import duty, second_step
from accounts.keyring import Unreadable, digest, seal, unseal
from accounts.login import sign_in
from accounts.models import PendingSignIn, User, clearing
from accounts.provider import Authentication, TokenSet, Visit
from accounts.source.catalogue import ConfiguredSource

_PURPOSE = "second-step"
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that waits: whose, by which source, the outcome so far, and what the person typed
    as a name. `next` is where they go on to, `wanted` what an application asks for (`acr_values`);
    `carried` is what else the form held that counts at its end.
    """

    digest: str = field(repr=False)
    user: User
    source: str
    outcome: Authentication
    name: str
    next: str = ""
    wanted: str = ""
    carried: Mapping[str, str] = field(default_factory=dict)

    @property
    def step(self) -> second_step.Step:
        """What the person does next, as things are now: a factor may have come or gone."""
        return second_step.step(self.outcome, self.user, self.wanted)


def person_of(
    source: ConfiguredSource, outcome: Authentication, visit: Visit, wanted: str = ""
) -> User | None:
    """Return whose second step is to be judged; None for somebody new whom nothing asks for one,
    and for who is not let in, which the sign-in says itself.

    Where a duty may hang on a group that the source gives, the person is made and their groups are
    set first. Raises `AccessDenied`.
    """
    user = sign_in.known(source, outcome)
    if user and user.status == User.Status.DISABLED:
        return None
    unsettled = user is None or bool(source.row.groups)
    if unsettled and (wanted or duty.in_force()):
        return sign_in.identify(source, outcome, visit)
    return user


def life() -> timedelta:
    """Return how long a sign-in may wait."""
    return min(conf.flow_lifetime(), _LONGEST)


def keep(
    user: User,
    source: str,
    outcome: Authentication,
    name: str,
    **more: Any,
) -> str:
    """Keep a sign-in that waits. Returns the name by which its browser finds it again. `more` are
    `next`, `wanted` and `carried`.

    It lapses when the sessions of the person end, as with a change of the password.
    """
    secret = secrets.token_urlsafe(32)
    key, now = digest(secret), timezone.now()
    bound = replace(outcome, tokens=None, epoch=user.session_epoch)
    held = {
        "source": source,
        "outcome": serialization.dump(bound),
        "tokens": serialization.dump(outcome.tokens) if outcome.tokens else None,
        "name": name,
        **more,
    }
    PendingSignIn.objects.filter(user=user, expires_at__lte=now).delete()
    PendingSignIn.objects.create(
        digest=key, user=user, sealed=seal(held, _PURPOSE, key), expires_at=now + life()
    )
    return secret


def find(secret: str) -> Pending | None:
    """Return the sign-in that waits for this browser; None for none, or one that has lapsed."""
    if not secret:
        return None
    rows = PendingSignIn.objects.filter(digest=digest(secret), expires_at__gt=timezone.now())
    row = rows.select_related("user").first()
    if row is None:
        return None
    try:
        held = unseal(row.sealed, _PURPOSE, row.digest)
    except Unreadable:
        return None
    if held["outcome"]["epoch"] != row.user.session_epoch:
        return None
    told, outcome = held.pop("tokens"), serialization.load(Authentication, held.pop("outcome"))
    tokens = serialization.load(TokenSet, told) if told else None
    groups = None if outcome.groups is None else tuple(outcome.groups)
    outcome = replace(outcome, tokens=tokens, amr=tuple(outcome.amr), groups=groups)
    return Pending(digest=row.digest, user=row.user, outcome=outcome, **held)


def spend(pending: Pending) -> None:
    """Let a sign-in that waits count, once, in the caller's transaction. Of many callers at once
    one goes on. Raises `InvalidGrant` for the others.
    """
    if not PendingSignIn.objects.filter(digest=pending.digest).delete()[0]:
        raise InvalidGrant("This sign-in is over.", reason=errors.EXPIRED)


def clear_expired() -> int:
    """Delete the sign-ins that waited for too long. Returns their number."""
    over = PendingSignIn.objects.filter(expires_at__lte=timezone.now())
    return clearing.delete(over.order_by("expires_at"))

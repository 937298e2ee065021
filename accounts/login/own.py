"""People whom this site itself vouches for: what a proof of theirs says, whichever it was."""

from dataclasses import replace

from accounts.models import User
from accounts.provider import Authentication


def vouched(
    user: User, *, acr: str, amr: tuple[str, ...] = (), epoch: int | None = None
) -> Authentication:
    """Return the outcome of a proof by which `user` is known: how strong it is, a word of
    docs/strength.md, and by which means (RFC 8176).

    It counts while the person's epoch is `epoch`, by default the present one.
    """
    known = user.session_epoch if epoch is None else epoch
    return as_now(Authentication(subject=user.uid, acr=acr, amr=amr, epoch=known), user)


def as_now(outcome: Authentication, user: User) -> Authentication:
    """Return an outcome of `vouched` with what the person is called by now, who may have been
    renamed since it was made.
    """
    return replace(
        outcome,
        name=user.get_full_name(),
        username=user.username,
        email=user.email,
        email_verified=user.email_verified,
    )

"""What an authorization request needs next: one pure function (OIDC Core, 3.1.2.3 to 3.1.2.6)."""

from collections.abc import Set
from datetime import UTC, datetime, timedelta
from enum import Enum

from accounts.errors import LoginRequired
from accounts.session.typed import Session
from accounts.strength import Strength, asked_for, named
from portal.authorization_server.asked import Asked
from portal.authorization_server.errors import ConsentRequired, UnmetAuthenticationRequirements

# How many seconds a proof may be older than `max_age`: times are whole seconds, and a slow browser
# needs its time back from a sign-in for this very request.
_ROUNDING, _WAY_BACK = 1, 60
# By how much the clocks of two machines of ours may be apart.
_CLOCKS_DIFFER = timedelta(minutes=5)


class Step(Enum):
    """What comes next."""

    SIGN_IN = "sign in"
    SIGN_IN_AGAIN = "sign in again"
    ASK = "ask"
    ANSWER = "answer"


def next_step(
    asked: Asked,
    session: Session,
    subject: str,
    *,
    level: Strength | None = None,
    granted: Set[str] | None,
    first_party: bool,
    unproved: bool = False,
    asked_again_at: datetime | None,
    now: datetime,
) -> Step:
    """Return the next step. Pure.

    `subject` is whom an id_token would speak of; `level` how strong the proof is; `granted` what
    the person has allowed before, None when never asked; `unproved` that any program may be the
    one that asks, so that the person has to know of it; `asked_again_at` when this request has sent
    them to sign in, None when it has not. Raises the error of which the client is told.
    """
    silent = "none" in asked.prompts
    wrong_person = session.is_logged_in and asked.subject not in {"", subject}
    if silent and (not session.is_logged_in or wrong_person):
        raise LoginRequired("Nobody is signed in here, or somebody else.")
    if not session.is_logged_in:
        return Step.SIGN_IN
    done = asked_again_at is not None and _proved_since(session, asked_again_at)
    if wrong_person and done:
        raise LoginRequired("Somebody else has signed in.")
    is_old = _is_old(asked, session, now, _WAY_BACK if done else _ROUNDING)
    if wrong_person or ("login" in asked.prompts and not done) or is_old:
        return _sign_in_again(silent=silent, done=done)
    if not _is_of_a_kind(asked.needed_acr, session.acr, level):
        if silent or done:
            raise UnmetAuthenticationRequirements("No sign-in of this kind is offered.")
        return Step.SIGN_IN_AGAIN
    if unproved or _needs_asking(asked, granted, first_party=first_party):
        if silent:
            raise ConsentRequired("The person must be asked first.")
        return Step.ASK
    return Step.ANSWER


def asked_at(session: Session, now: datetime) -> datetime:
    """Return since when a proof counts for a request that sends its person to sign in `now`. Pure.

    One that is newer than the proof at hand was asked for, though a machine whose clock is behind
    may have dated it.
    """
    proved, second = datetime.fromtimestamp(session.auth_time, UTC), timedelta(seconds=1)
    if not session.auth_time or timedelta(0) <= now - proved < second:
        return now
    return max(proved + second, now - _CLOCKS_DIFFER)


def _sign_in_again(*, silent: bool, done: bool) -> Step:
    if silent or done:
        raise LoginRequired("The person must sign in again.")
    return Step.SIGN_IN_AGAIN


def _is_of_a_kind(needed: Set[str], acr: str, level: Strength | None) -> bool:
    """Tell whether one of the words that are `needed` is true: one of ours of whatever is as
    strong, every other to the letter.
    """
    wanted = asked_for(needed)
    to_the_letter = acr in needed and named(acr) is None
    return not needed or to_the_letter or (wanted is not None and (level or 0) >= wanted)


def _proved_since(session: Session, moment: datetime) -> bool:
    """Tell whether the person has proved since who they are. A sign-in by a source that remembers
    them is no proof (OIDC Core, 3.1.2.1, `prompt=login`).
    """
    return session.auth_time >= int(moment.timestamp())


def _is_old(asked: Asked, session: Session, now: datetime, grace: int) -> bool:
    """OIDC Core, 3.1.2.1, `max_age`. `grace` is in seconds."""
    age = now.timestamp() - session.auth_time
    return asked.max_age is not None and age > asked.max_age + grace


def _needs_asking(asked: Asked, granted: Set[str] | None, *, first_party: bool) -> bool:
    if {"consent", "select_account"} & asked.prompts:
        return True
    return not first_party and (granted is None or not set(asked.wanted) <= granted)

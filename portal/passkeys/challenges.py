"""Challenges on their way: those of a browser at the sign-in page, and that of a session which adds
a passkey. Each lives as long as a login flow, and what has counted does not count again.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.conf import flow_lifetime
from accounts.errors import EXPIRED, InvalidGrant
from accounts.factors import ceremony
from accounts.keyring import Unreadable, seal, unseal
from accounts.session.typed import Session
from portal.door import cookies

COOKIE = "vestibule-passkey"
# So many sign-in pages of one browser may be open at the same time.
AT_MOST = 5
_NEW = "new-passkey"


def give(request: HttpRequest, response: HttpResponse, challenge: str) -> None:
    """Bind a challenge to the browser by a sealed cookie, which holds the last few of them."""
    fresh = [challenge, timezone.now().isoformat()]
    known = [[each, at.isoformat()] for each, at in _of_browser(request)]
    seconds = int(flow_lifetime().total_seconds())
    # A page asks before anybody can say that many use the computer.
    held = [fresh, *known][:AT_MOST]
    cookies.remember(response, COOKIE, held, seconds, outlives=False)


def of_browser(request: HttpRequest) -> frozenset[str]:
    """Return the challenges that this browser may answer now."""
    return frozenset(each for each, _at in _of_browser(request))


def forget(response: HttpResponse) -> None:
    """Take the browser's challenges back."""
    cookies.forget(response, COOKIE)


def sealed(session: Session) -> tuple[str, str]:
    """Return a new challenge, and the same sealed for the form of the session that may answer."""
    challenge = ceremony.new_challenge()
    return challenge, seal([challenge, timezone.now().isoformat()], _NEW, session.uid)


def of_session(text: str, session: Session) -> str:
    """Return the challenge that was sealed for a session. Raises `InvalidGrant` for one that is too
    old, or another session's.
    """
    try:
        challenge, at = unseal(text, _NEW, session.uid)
        if _is_alive(datetime.fromisoformat(at)):
            return str(challenge)
    except (Unreadable, TypeError, ValueError):
        pass
    raise InvalidGrant("The form is too old, or another session's.", reason=EXPIRED)


def _of_browser(request: HttpRequest) -> list[tuple[str, datetime]]:
    held = cookies.recall(request, COOKIE)
    pairs = [(str(each), datetime.fromisoformat(at)) for each, at in held or ()]
    return [pair for pair in pairs if _is_alive(pair[1])]


def _is_alive(at: datetime) -> bool:
    return timezone.now() - at <= flow_lifetime()

"""The hand-over of a session to the script of a front end on our own host (docs/contract.md 2).

Its page can read two cookies: a one-time identifier and the source's slug. The identifier is worth
one token pair, within two minutes, together with its cookie and in the browser of its session: a
neighbour below the same domain can plant these two, whose names the page has to know.
"""

import secrets

from django.db import transaction
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.errors import InvalidGrant
from accounts.keyring import digest
from accounts.models import clearing
from accounts.session import access
from accounts.session.ending import hold
from accounts.session.typed import Session
from portal import conf
from portal.tokens import pair
from portal.tokens.models import HandOver
from portal.tokens.token_errors import InvalidToken

KEY, PROVIDER = "tokens_key", "authProvider"


class NothingThere(InvalidGrant):
    """`invalid_grant` with the status that docs/contract.md 2 gives it."""

    status = 404

    def __init__(self) -> None:
        super().__init__("There is nothing to fetch here, or no more.")


def offer(response: HttpResponseBase, session: Session) -> None:
    """Set the two cookies with which the next page fetches the token pair of `session`. Raises
    `LoginRequired` when it has just ended.
    """
    identifier, life = secrets.token_urlsafe(32), conf.handover_lifetime()
    until = timezone.now() + life
    with access.still_there():
        HandOver.objects.create(digest=digest(identifier), session_id=session.uid, expires_at=until)
    for name, value in ((KEY, identifier), (PROVIDER, session.source)):
        response.set_cookie(
            name,
            value,
            max_age=int(life.total_seconds()),
            secure=conf.cookies_are_secure(),
            httponly=False,  # the page's script is who they are for
            samesite="Lax",
        )


def redeem(slug: str, identifier: str, cookie: str, session_uid: str) -> pair.Pair:
    """Return the token pair that waits for `identifier`, for the browser of the session
    `session_uid`. One of several parallel calls gets it.

    Raises `NothingThere`, the same for every reason; `AccessDenied` for a person who awaits access.
    """
    if not identifier or not constant_time_compare(identifier, cookie):
        raise NothingThere
    waiting = HandOver.objects.filter(digest=digest(identifier), expires_at__gt=timezone.now())
    with transaction.atomic():
        own = waiting.filter(session__source=slug, session_id=session_uid)
        found = own.select_related("session__user").first()
        if found is None or not hold(found.session_id):
            raise NothingThere
        taken, _kinds = HandOver.objects.filter(pk=found.pk).delete()
        if not taken:
            raise NothingThere
        try:
            return pair.issue(found.session)
        except InvalidToken:
            raise NothingThere from None


def withdraw(response: HttpResponseBase) -> None:
    """Delete the two cookies."""
    for name in (KEY, PROVIDER):
        response.delete_cookie(name, samesite="Lax")


def clear_expired() -> int:
    """Delete the expired hand-overs. Returns their number."""
    over = HandOver.objects.filter(expires_at__lte=timezone.now())
    return clearing.delete(over.order_by("expires_at"))

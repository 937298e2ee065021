"""The way to a fresh sign-in, for what only somebody may do who has just signed in."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import strength
from accounts.session import access
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.strength import Strength
from portal.door import answers, incoming, routes, wishes


def prove_again(
    request: HttpRequest, next_url: str, wanted: Strength | None = None
) -> HttpResponse | None:
    """Return the way to a fresh sign-in and on to `next_url`; None after a recent sign-in that was
    as strong as `wanted`.
    """
    session = incoming.session_of(request)
    if strength.has(session, wanted) and access.is_recent(session, timezone.now()):
        return None
    return ask_again(session, next_url, wanted)


def ask_again(session: Session, next_url: str, wanted: Strength | None = None) -> HttpResponse:
    """Return the way to a fresh sign-in by the same source, as strong as `wanted`, and on to
    `next_url`: by GET, so what was posted there is not sent again.
    """
    source, demand = catalogue.find(session.source), wanted.word if wanted else ""
    if source is None:  # disabled since: by another one, if there is any
        return answers.see_other(routes.choose_url(next_url, strength=demand))
    why = "1" if source.kind == "redirect" else ""  # a form says it itself
    onward = {"next": next_url, "why": why, "again": "1", wishes.STRENGTH: demand}
    return answers.see_other(routes.login_path(source.slug, **onward))

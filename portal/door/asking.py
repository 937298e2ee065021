"""Whose fresh proof a sign-in must bring: kept sealed in the browser, for an upstream whose
protocol cannot be asked for one (portal/door/anew.py).
"""

from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.session.typed import Session
from accounts.source.catalogue import ConfiguredSource
from portal.door import cookies

_SECONDS = 600


def remember(response: HttpResponse, session: Session) -> None:
    """Let the browser keep, sealed, whose proof it must be, and by which cookie it must not."""
    asks = {"source": session.source, "subject": session.subject, "bound_to": session.bound_to}
    cookies.remember(response, cookies.ANEW, asks, _SECONDS)


def told(request: HttpRequest, source: ConfiguredSource, *, again: bool) -> dict[str, Any]:
    """Return the fresh proof that the flow of a sign-in asks for. Where the upstream cannot be
    asked for one, only somebody who has just left it for that purpose owes it.
    """
    if not again or not source.description.unsolicited:
        return {"again": again}
    asks = cookies.recall(request, cookies.ANEW)
    if not isinstance(asks, dict) or asks.get("source") != source.slug:
        return {"again": False}
    return {"again": True, "subject": str(asks["subject"]), "bound_to": str(asks["bound_to"])}

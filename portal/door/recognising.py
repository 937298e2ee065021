"""Who is signed in at a source already, and so is here: one of them, where several cookies name
somebody.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.errors import AccessDenied, ProtocolError
from accounts.login import proof
from accounts.provider import Authentication, Cookies, LoginFlow
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream import cookie_header
from portal.door import concluding, cookies, incoming, somebody_else

# Of one browser so many people are tried; each costs its upstream a call, or a few.
_MOST_TURNS = 3


def recognised(request: HttpRequest) -> tuple[ConfiguredSource, Authentication] | None:
    """Return the first source that knows this browser, unless its person has just left."""
    if cookies.recall(request, cookies.LEFT):
        return None
    for source in catalogue.enabled():
        outcome = recognised_at(request, source)
        if outcome:
            return source, outcome
    return None


def recognised_at(request: HttpRequest, source: ConfiguredSource) -> Authentication | None:
    """Return who this browser is known as at the source, where signed in there means here."""
    if incoming.session_of(request).is_logged_in or somebody_else.is_wanted(request, source):
        return None
    permitted = incoming.cookies_for(request, source.description)
    return proof.recognise(source, permitted, incoming.visitor(request)) if permitted else None


def conclude_recognised(
    request: HttpRequest, source: ConfiguredSource, outcome: Authentication, next_url: str
) -> HttpResponse:
    """Sign in whom `recognised_at` has returned, and send them on. Raises `AccessDenied`."""

    def ask(permitted: Cookies) -> Authentication | None:
        return proof.recognise(source, permitted, incoming.visitor(request))

    return conclude_by_turns(request, source, outcome, next_url, ask)


def conclude_by_turns(
    request: HttpRequest,
    source: ConfiguredSource,
    outcome: Authentication,
    next_url: str,
    ask: Callable[[Cookies], Authentication | None],
    spent: LoginFlow | None = None,
) -> HttpResponse:
    """Conclude with the first person who is let in: whoever is refused here may only be whom one of
    several cookies names. Of those `ask` is told the others. Raises the first refusal.
    """
    left = incoming.cookies_for(request, source.description)
    refused: AccessDenied | None = None
    for _turn in range(_MOST_TURNS):
        try:
            return concluding.conclude(request, source, outcome, next_url, spent=spent)
        except AccessDenied as error:
            refused = refused or error
        others = cookie_header.without(left, outcome.bound_to)
        if not others or cookie_header.count(others) == cookie_header.count(left):
            break
        left = others
        try:
            another = ask(left)
        except ProtocolError:
            break
        if another is None:
            break
        outcome = another
    assert refused is not None  # noqa: S101  # each way out of the loop leads over a refusal
    raise refused


def tell_recognised(request: HttpRequest, source: ConfiguredSource) -> None:
    """Say on the next page that a sign-in elsewhere counted here: a neighbour of this site can give
    a browser a cookie of somebody else's.
    """
    said = _("Somebody is signed in there already, so you are signed in here too: %(source)s")
    more = _("Is the name above not yours? Then sign out, and sign in again.")
    messages.info(request, f"{said % {'source': source.label}}. {more}")

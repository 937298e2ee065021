"""A fresh proof of who somebody is, by an upstream whose protocol cannot be asked for one.

Such an upstream remembers people by a cookie, so what it answers proves nothing. They leave it
first, here and there, and sign in anew.
"""

from django.http import HttpRequest, HttpResponse

from accounts import errors, strength
from accounts.errors import InvalidGrant, ProtocolError
from accounts.session.typed import Session
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import Strength
from portal.door import answers, asking, incoming, leaving, routes, shared, somebody_else, wishes

BUTTON = "anew"


def page(
    request: HttpRequest, source: ConfiguredSource, next_url: str, demand: Strength | None
) -> HttpResponse:
    """Return the page that says what a fresh sign-in is for, and how it goes at `source`."""
    try:
        _require_use(source, incoming.session_of(request), demand)
    except ProtocolError as error:
        return answers.fail(request, error, source.slug, next_url=next_url)
    level = demand.word if demand else ""
    prefix = routes.prefix_of(request.path)
    onward = routes.login_path(source.slug, prefix, next=next_url, again="1", strength=level)
    leaves_first = source.description.unsolicited
    context = {"label": source.label, "onward": onward, "demand": level, "leaves": leaves_first}
    return answers.page(request, "login/again.html", context)


def _require_use(source: ConfiguredSource, session: Session, demand: Strength | None) -> None:
    """Refuse to sign somebody out in vain: a sign-in anew would make somebody else of them, or be
    as weak as this one where the upstream cannot be asked for a stronger one.
    """
    fleeting = source.description.fleeting
    if fleeting and session.subject.startswith(fleeting):
        raise InvalidGrant("This person comes once only.", reason=errors.NO_PROOF)
    if source.description.unsolicited:
        strength.require(source, session.acr, session.amr, demand)


def is_pressed(request: HttpRequest, session: Session, source: ConfiguredSource) -> bool:
    """Tell whether the person signed in by `source` has pressed the page's button."""
    pressed = request.method == "POST" and BUTTON in request.POST
    return pressed and session.source == source.slug and source.description.unsolicited


def leave_first(request: HttpRequest, source: ConfiguredSource, next_url: str) -> HttpResponse:
    """End the session here, and lead by the upstream's logout back to a sign-in that proves who
    the person is. The browser keeps, sealed, whom that must be, and by which cookie it must not.
    """
    session, along = incoming.session_of(request), wishes.carried(request)
    if session.shared:
        along[shared.NAME] = "1"
    prefix = routes.prefix_of(request.path)
    back = routes.login_path(source.slug, prefix, next=next_url, again="1", **along)
    response = leaving.leave(request, back)
    asking.remember(response, session)
    return response


def leave_at_last(
    request: HttpRequest, source: ConfiguredSource, next_url: str, *, again: bool
) -> HttpResponse | None:
    """Return the way to the upstream's logout once more for somebody who owes it a fresh proof and
    is signed in there still; None for anybody else.

    What signs people in there without a question is left by that logout alone.
    """
    owed = asking.told(request, source, again=again).get("bound_to")
    if not owed:
        return None
    return somebody_else.leave_first(request, source, next_url, again=True, bound_to=owed)

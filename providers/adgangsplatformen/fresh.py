"""A fresh proof of who a patron is. The CMS cannot be asked for one: it knows its cookie's patron
for weeks, whoever sits at the browser, and its answer holds no state.

Drupal gives a session a new id at each sign-in, so another cookie of the same patron is a sign-in
since. The flow, which is sealed, says of whom and of which cookie: nothing here is remembered.
"""

from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.errors import NO_PROOF, InvalidGrant
from accounts.provider import Authentication, LoginFlow
from providers.adgangsplatformen.cookies import CmsCookie

REMEMBERED = "The CMS knows the patron still: nobody was asked for anything."
SOMEBODY_ELSE = "Somebody else has signed in at the CMS than was asked to."


def anew(flow: LoginFlow, mine: list[CmsCookie]) -> list[CmsCookie]:
    """Return the cookies that may be of a sign-in since `flow` asked for one.

    Raises `InvalidGrant` without proof where there is none, or where the flow names no session.
    """
    found = [each for each in mine if each.digest != flow.bound_to]
    if not found or not flow.bound_to:
        raise InvalidGrant(REMEMBERED, reason=NO_PROOF)
    return found


def proved(flow: LoginFlow, outcome: Authentication, now: datetime) -> Authentication:
    """Return the outcome as a proof of this moment. Raises `InvalidGrant` when it is of another
    patron than the flow asked for: that one's cookie may be as old as can be.
    """
    if outcome.subject != flow.subject:
        raise InvalidGrant(SOMEBODY_ELSE, reason=NO_PROOF)
    return replace(outcome, auth_time=now)


def explanation(description: str) -> tuple[str, str]:
    """Return why somebody has proved nothing, and what to do."""
    if description == REMEMBERED:
        return (
            _("You were not asked for your card and PIN: the library still knew this browser."),
            _("Sign out at the library first. Then start again, and sign in there anew."),
        )
    if description == SOMEBODY_ELSE:
        return (
            _("Somebody else has signed in at the library than before."),
            _("Start again, and sign in with the card that you used before."),
        )
    return "", ""

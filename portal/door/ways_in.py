"""The guard of each page on which people change how they sign in: passwords, passkeys, second
factors, linked sources, app passwords, the end of the account. It meets administrators who came by
a source that signs in none, and whoever has a second factor and came without it.
"""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.factors import second_step
from accounts.models import User
from accounts.session import access
from accounts.source import catalogue
from accounts.strength import Strength
from portal.door import answers, incoming

WHY = _(
    "Your account opens the administration, so you change how you sign in only while you are "
    "signed in as an administrator."
)


def hindrance(request: HttpRequest) -> str:
    """Return why whoever is signed in may not change their ways in now, and what to do next;
    nothing where they may.
    """
    person = cast(User, request.user)
    if access.may_change_ways_in(incoming.session_of(request).source, person.pk):
        return ""
    slugs = set(person.identities.values_list("source__slug", flat=True))
    ways = [each.label for each in catalogue.enabled() if each.row.staff and each.slug in slugs]
    then = gettext("Ask another administrator to help you with it.")
    if ways:
        then = gettext("Sign out, sign in this way, then try again: %(ways)s")
        then = then % {"ways": ", ".join(ways)}
    return f"{WHY} {then}"


def proof_of(person: User) -> Strength | None:
    """Return how strong the fresh sign-in must be that such a page takes: a password alone is not
    enough for who has a second factor, of which a passkey is one (NIST SP 800-63B, 4.1.2).
    """
    return Strength.SUBSTANTIAL if second_step.exists(person) else None


def refused(request: HttpRequest, path: str) -> HttpResponse | None:
    """Return the way back to the page at `path`, which shows the hindrance; None without one."""
    return answers.see_other(path) if hindrance(request) else None

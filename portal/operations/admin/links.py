"""Links to choose a password, for one person or many, and what is said of them: few messages with
few names, since messages travel in a cookie.
"""

from collections.abc import Iterator, Sequence

from django.contrib import messages
from django.db import transaction
from django.utils.translation import gettext, ngettext

from accounts import events
from accounts.models import User
from accounts.source import catalogue

_NAMED = 5


def mailed(persons: Sequence[User], *, first: bool = False) -> Iterator[tuple[str, int]]:
    """Mail each a link, which is an event. Yields what is to be said, and its level: a warning
    comes last.
    """
    sent: list[User] = []
    left: list[User] = []
    provider = catalogue.recovering()
    with transaction.atomic():
        for person in persons:
            new = first or not person.has_usable_password()
            done = provider is not None and provider.send_link(person.uid, first=new)
            (sent if done else left).append(person)
        events.record(*(events.event("password.link-sent", user=each) for each in sent))
    if len(sent) == 1:
        yield gettext("A link is on its way to %s.") % sent[0], messages.SUCCESS
    elif sent:
        said = ngettext(
            "A link is on its way to %d person.", "A link is on its way to %d people.", len(sent)
        )
        yield said % len(sent), messages.SUCCESS
    if len(left) == 1:
        yield gettext("%s has no address or is not let in.") % left[0], messages.WARNING
    elif left:
        said = ngettext(
            "%(count)d person has no address or is not let in: %(names)s",
            "%(count)d people have no address or are not let in: %(names)s",
            len(left),
        )
        yield said % {"count": len(left), "names": some(left)}, messages.WARNING


def some(persons: Sequence[User]) -> str:
    """Return the first names, and how many there are beside them."""
    names, more = ", ".join(map(str, persons[:_NAMED])), len(persons) - _NAMED
    said = ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more)
    return said % {"names": names, "more": more} if more > 0 else names

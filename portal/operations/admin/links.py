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
from portal.door.seen_field import CHANGED

_NAMED = 5


def mailed(persons: Sequence[User], *, first: bool = False) -> Iterator[tuple[str, int]]:
    """Mail each a link, which is an event; none at all where one of them was given rights, or lost
    all sessions, since `persons` were read. Yields what is to be said, and its level: a warning
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
        changed = _changed(sent)
        if changed:
            transaction.set_rollback(True)
    if changed:
        yield str(CHANGED), messages.ERROR
        return
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


def _changed(persons: Sequence[User]) -> bool:
    """Tell whether what was judged of `persons` is so no more: a link to an address that staff have
    typed would open an administrator's account. Whoever is reset later makes the link lapse.
    """
    known = User.objects.filter(pk__in=[each.pk for each in persons])
    now = set(known.values_list("pk", "session_epoch", "is_staff", "is_superuser"))
    read = {(each.pk, each.session_epoch, each.is_staff, each.is_superuser) for each in persons}
    return now != read


def some(persons: Sequence[User]) -> str:
    """Return the first names, and how many there are beside them."""
    names, more = ", ".join(map(str, persons[:_NAMED])), len(persons) - _NAMED
    said = ngettext("%(names)s and %(more)d more", "%(names)s and %(more)d more", more)
    return said % {"names": names, "more": more} if more > 0 else names

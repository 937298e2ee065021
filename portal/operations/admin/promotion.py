"""People who come to open the administration: nothing stays by which others may have come in as
them, such as the front desk by a link to an address that it had typed.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.messages import WARNING
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import Source, User
from accounts.provider import Visit
from accounts.session import people
from accounts.telling import tell
from portal.door import incoming
from portal.operations.rescue import remove_factors

REASON = "given rights in the administration"
# A way in that is older than this after the person was linked by nobody: they came by it.
_AT_FIRST = timedelta(seconds=1)


def settle(page: Any, request: HttpRequest, was: User, now: User, *, vouched: bool = False) -> None:
    """Let a person begin anew who gets a mark that they did not have, and whose account others may
    have used; `was` is what was stored, `now` what is. Say so on the `page`.

    `vouched` tells whether the address was said to be theirs in this save; one that was typed in it
    is. Any other counts as verified no more, and the account as one that others may use.
    """
    rises = (now.is_staff and not was.is_staff) or (now.is_superuser and not was.is_superuser)
    if not rises or not people.others_may_come_in(was):
        return
    sure = vouched or not now.email or now.email != was.email
    _begin_anew(now, incoming.visit(request), sure=sure)
    said = _(
        "Staff may have come in as %(person)s so far. So %(person)s is signed out everywhere; the "
        "password, passkeys, second step and linked ways in are gone. Look whether the address "
        "and the ways in are theirs; then send a link, by which they must set a password anew."
    )
    page.message_user(request, said % {"person": now}, WARNING)


def _begin_anew(person: User, visit: Visit, *, sure: bool) -> None:
    """End the sessions of a person, with app passwords and what waits for a second step, and take
    away password, factors, and the ways in that were linked; the first one stays.
    """
    with transaction.atomic():
        people.end_waiting([person.pk])
        people.end_all(person.pk, REASON)
        address = {"tended": False} if sure else {"tended": True, "email_verified": False}
        User.objects.filter(pk=person.pk).update(password=make_password(None), **address)
        remove_factors(person, visit, REASON)
        others = person.identities.exclude(source__slug=Source.LOCAL).select_related("source")
        for way in others.filter(created_at__gt=person.created_at + _AT_FIRST):
            slug = way.source.slug
            people.unlink(way)
            tell("identity.unlinked", person, visit, source=slug, detail=REASON)
        if not person.identities.exists():
            person.give_local_identity()

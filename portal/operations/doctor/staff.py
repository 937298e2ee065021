"""Whether those who administer the site come in strongly enough, and come in at all."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from accounts.factors import second_step, totp
from accounts.models import User
from accounts.provider import Finding, verdict
from accounts.source import catalogue
from accounts.strength import Strength, named
from portal import conf

# Of so many administrators it is looked for one who can.
_MOST = 100


def findings(_look: Any) -> Iterator[Finding]:
    """Yield what the administration asks for, and whether somebody with all rights can give it."""
    wanted = named(conf.staff_strength())
    if wanted is None:
        said = _("The administration takes any sign-in: VESTIBULE_STAFF_STRENGTH asks for more.")
        yield Finding(True, said)
        return
    yield verdict(
        any(_can_give(wanted, each) for each in _with_all_rights()),
        _("Somebody with all rights can sign in as strongly as the administration wants."),
        _("Nobody with all rights can sign in as strongly as VESTIBULE_STAFF_STRENGTH wants."),
        _("Come in by manage.py letmein, set up a second factor, or lower the setting."),
    )


def _with_all_rights() -> Iterator[User]:
    active = User.objects.filter(is_superuser=True, is_staff=True, status=User.Status.ACTIVE)
    yield from active.order_by("pk")[:_MOST]


def _can_give(wanted: Strength, person: User) -> bool:
    """Tell whether a person has a second factor that is enough, or a source elsewhere that may."""
    has_second = totp.exists(person) or bool(second_step.ways(person))
    if has_second and wanted <= Strength.SUBSTANTIAL:
        return True
    slugs = person.identities.filter(source__staff=True).values_list("source__slug", flat=True)
    known = (catalogue.find(slug) for slug in slugs)
    return any(each is not None and each.kind == "redirect" for each in known)

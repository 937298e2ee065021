"""Nobody hands out more than they have: what one administrator may do to another person."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.models import FactorDuty, Identity, Source, User
from accounts.source import groups as mapped


def may_manage(actor: Any, person: User) -> bool:
    """Tell whether `actor` has every right that `person` has, or would have when let in again, and
    is in all of their groups: a front end may ask for one.
    """
    if person.is_superuser or actor.is_superuser:
        return bool(actor.is_superuser)
    return may_give(actor, person.groups.all(), person.user_permissions.all())


def may_delete(actor: Any, person: User) -> bool:
    """Tell whether `actor` may delete `person`: nobody themselves or somebody who may do more, and
    others who open the administration only with all rights, as events lose who did what there.
    """
    is_colleague = person.opens_administration() and not actor.is_superuser
    kept = person.pk == actor.pk or is_colleague
    return not kept and may_manage(actor, person)


def may_sign_out(actor: Any, person: User) -> bool:
    """Tell whether `actor` may end the sessions of `person`: of those who open the administration
    only who may manage them, or a clerk would keep the last administrator out for ever.
    """
    return not person.opens_administration() or may_manage(actor, person)


def vouches_for(actor: Any, email: str) -> bool:
    """Tell whether an address counts as verified since `actor` has typed it: the word of somebody
    with all rights is the institution's; any other could take an address of somebody else.
    """
    return bool(actor.is_superuser) or not email


def may_readdress(actor: Any, person: User) -> bool:
    """Tell whether `actor` may say by which name and address a person comes in, and have a link
    mailed there: of others who open the administration only with all rights, as whoever has the
    link acts in their name.
    """
    own = person.pk == actor.pk
    return bool(actor.is_superuser) or own or not person.opens_administration()


def may_weaken(actor: Any, person: User) -> bool:
    """Tell whether `actor` may take away what makes a person's password not enough: a passkey, a
    duty. Of others who open the administration only with all rights, as whoever has seen such a
    password would set up a second step of their own and act in their name.
    """
    return may_readdress(actor, person)


def may_empower(actor: Any, person: User) -> bool:
    """Tell whether `actor` may let a person in, or give them single rights: those who open the
    administration, `actor` as well, only with all rights. A colleague would let in whom an
    administrator has shut out, and such a right outlives the role that it came from.
    """
    return bool(actor.is_superuser) or not person.opens_administration()


def may_vouch(actor: Any, person: User) -> bool:
    """Tell whether `actor` may say that the address which a person has is theirs."""
    return bool(actor.is_superuser and person.email) and not person.email_verified


def may_map(actor: Any, mapping: Any) -> bool:
    """Tell whether `actor` may let a source give the groups of ours that `mapping` names."""
    if actor.is_superuser or not isinstance(mapping, dict):
        return True
    names = {str(each) for each in mapping.values()}
    groups = list(Group.objects.filter(name__in=names))
    return len(groups) == len(names) and may_give(actor, groups, ())


def lifts_duty(actor: Any, mapping: Any) -> bool:
    """Tell whether `actor` could leave a group with a duty by a source with this mapping, which
    also takes away what it names: by another word of theirs, or another place of the claims.
    """
    if actor.is_superuser or not isinstance(mapping, dict):
        return False
    names = {str(each) for each in mapping.values()}
    return FactorDuty.objects.filter(group__name__in=names).exists()


def may_lift(actor: Any, way: Identity) -> bool:
    """Tell whether `actor` may take a way in away that puts its person under a duty: their own, and
    that of others who open the administration, only with all rights.
    """
    own = way.user_id == actor.pk
    return bool(actor.is_superuser) or not (own or way.user.opens_administration())


def may_disable(actor: Any, source: Source) -> bool:
    """Tell whether `actor` may disable a source: one that keeps them, or others who open the
    administration, in a group with a duty only with all rights.
    """
    if actor.is_superuser:
        return True
    staff = User.objects.filter(Q(pk=actor.pk) | Q(is_staff=True) | Q(is_superuser=True))
    return not mapped.gives_duty(source, staff)


def may_give(actor: Any, groups: Iterable[Group], permissions: Iterable[Permission]) -> bool:
    """Tell whether `actor` is in `groups` and has all that they and `permissions` would give to
    somebody.
    """
    if actor.is_superuser:
        return True
    joined = {each.pk for each in groups}
    if not joined <= set(actor.groups.values_list("pk", flat=True)):
        return False
    wanted = Q(group__in=joined) | Q(pk__in=[each.pk for each in permissions])
    rows = Permission.objects.filter(wanted).values_list("content_type__app_label", "codename")
    return set(actor.get_all_permissions()).issuperset(f"{app}.{name}" for app, name in rows)

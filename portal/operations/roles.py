"""Roles: what an operator is here for, in words, each a group of permissions that the code keeps.

A role is a group whose name begins with `role:`. Nobody writes such a group in the administration;
`migrate` gives it the permissions that stand here. All rights are no role: they are the mark of a
superuser.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _

from accounts.source.catalogue import ROLE_PREFIX

PREFIX = ROLE_PREFIX
# Whose tables an auditor looks at.
_ROOMS = ("accounts", "operations", "authorization_server", "gateway")
_VERBS = {
    "view": _("See: %s"),
    "add": _("Add: %s"),
    "change": _("Change: %s"),
    "delete": _("Delete or end: %s"),
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its word in the group's name, what people call it, what it is for, and its
    permissions as `app.codename`. `sees` is the beginning of the codenames of whole rooms.
    """

    word: str
    label: Any
    help: Any
    permissions: tuple[str, ...] = ()
    sees: str = ""

    @property
    def group(self) -> str:
        """Return the name of its group."""
        return PREFIX + self.word


ROLES = (
    Role(
        "source-keeper",
        _("Source keeper"),
        _("Sets up the ways to sign in, and so decides who comes in by them; tests them, and reads "
          "what happened there."),
        (
            "accounts.view_source", "accounts.add_source", "accounts.change_source",
            "accounts.delete_source", "accounts.view_event", "accounts.view_outboxitem",
        ),
    ),
    Role(
        "front-desk",
        _("Front desk"),
        _("Lets people in, ends sessions, disables people, and looks up support codes."),
        (
            "accounts.view_user", "accounts.change_user", "accounts.view_identity",
            "accounts.delete_identity", "accounts.view_passkey", "accounts.delete_passkey",
            "accounts.view_storedsession",
            "accounts.delete_storedsession", "accounts.view_event",
            "operations.view_awaitingperson", "operations.change_awaitingperson",
        ),
    ),
    Role("auditor", _("Auditor"), _("Sees everything and changes nothing."), (), "view_"),
)  # fmt: skip


def groups() -> QuerySet[Group]:
    """Return the groups that are roles."""
    return Group.objects.filter(name__startswith=PREFIX).order_by("name")


def departments() -> QuerySet[Group]:
    """Return the groups that are none."""
    return Group.objects.exclude(name__startswith=PREFIX).order_by("name")


def is_role(group: Group | None) -> bool:
    """Tell whether a group is a role."""
    return group is not None and group.name.startswith(PREFIX)


def of_group(group: Group) -> Role | None:
    """Return the role of a group, or None."""
    return next((role for role in ROLES if role.group == group.name), None)


def label_of(group: Group) -> str:
    """Return what people call a group: the words of its role, else its name."""
    role = of_group(group)
    return str(role.label) if role else group.name


def named(name: str) -> str:
    """Return what people call the role whose group has this name; nothing for any other group."""
    return next((str(role.label) for role in ROLES if role.group == name), "")


def of_person(person: Any) -> list[str]:
    """Return the roles that a person has, in words."""
    held = [label_of(group) for group in person.groups.all() if is_role(group)]
    return [_text("Administrator"), *held] if person.is_superuser else held


def single_rights(held: Iterable[Permission]) -> QuerySet[Permission]:
    """Return the permissions that do something by themselves: of what the administration shows,
    those of roles, and the ones that somebody has `held` so far.
    """
    pages = ContentType.objects.get_for_models(*admin.site._registry, for_concrete_models=False)
    of_roles = {name.partition(".")[2] for role in ROLES for name in role.permissions}
    of_use = Q(content_type__in=pages.values()) | Q(codename__in=of_roles)
    found = Permission.objects.filter(of_use | Q(pk__in=[each.pk for each in held]))
    return found.select_related("content_type")


def in_words(permission: Permission) -> str:
    """Return a permission in words, such as `See: sessions`."""
    verb, _mark, _model = permission.codename.partition("_")
    known = permission.content_type.model_class()
    if known is None or verb not in _VERBS:
        return str(permission.name)
    return str(_VERBS[verb]) % known._meta.verbose_name_plural


def establish() -> None:
    """Make the roles' groups, and give them the permissions that stand here, and no other."""
    for role in ROLES:
        group, _made = Group.objects.get_or_create(name=role.group)
        wanted = set(Permission.objects.filter(_named(role)))
        if wanted != set(group.permissions.all()):
            group.permissions.set(wanted)


def _named(role: Role) -> Q:
    pairs: Iterable[tuple[str, str]] = (tuple(each.split(".")) for each in role.permissions)  # type: ignore[misc]
    found = Q(pk__in=())
    for app, codename in pairs:
        found |= Q(content_type__app_label=app, codename=codename)
    if role.sees:
        found |= Q(content_type__app_label__in=_ROOMS, codename__startswith=role.sees)
    return found

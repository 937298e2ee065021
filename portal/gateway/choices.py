"""What operators read of the types of sessions and of groups, where they choose some of them."""

from collections.abc import Iterable

from django.apps import apps
from django.utils.translation import gettext as _

from accounts.offers import offered
from accounts.source import registry


def of_types(more: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Return the types that a session can have, and `more`, each with the words of its provider."""
    words = {
        kind.session_type: str(apps.get_app_config(name).verbose_name)
        for name, kind in registry.providers().items()
        if name in apps.app_configs
    }
    known = sorted({*registry.session_types(), *more})
    return [(each, f"{words[each]} ({each})" if each in words else each) for each in known]


def of_groups(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the groups, each as a room calls it (`names_group` of its AppConfig), else by its
    name.
    """
    return sorted(((name, _called(name)) for name in set(names)), key=lambda each: each[1].lower())


def _called(name: str) -> str:
    called = next(filter(None, (name_of(name) for name_of in offered("names_group"))), "")
    return _("%s (role)") % called if called else name

"""What the rooms above offer to the ground floor: functions that an AppConfig names.

So the ground floor calls them without an import that goes up (docs/architecture.md 1).
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import apps
from django.utils.module_loading import import_string


@cache
def offered(name: str) -> tuple[Callable[..., Any], ...]:
    """Return each function whose dotted path is the attribute `name` of an AppConfig."""
    paths = (getattr(config, name, "") for config in apps.get_app_configs())
    return tuple(import_string(path) for path in paths if path)


def count(what: str, *values: str | float) -> None:
    """Tell the room that counts, by the AppConfig attribute `counts`, of an `event` (name, source,
    type, reason), a `call` (seconds, who calls, outcome) or a `refresh` (kind, source, outcome).
    """
    for tell in offered("counts"):
        tell(what, *values)

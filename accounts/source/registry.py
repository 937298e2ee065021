"""The providers that are installed: found by an attribute of their AppConfig
(docs/architecture.md 3).

Provider modules are imported at the first use after the apps are ready, never at app load.
"""

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any

from django.apps import apps
from django.utils.module_loading import import_string

from accounts import conf
from accounts.provider import OPTIONAL, RESERVED_TYPES, WAYS_IN, Provider, members

GROUP = "vestibule.providers"


@lru_cache(maxsize=1)
def providers() -> dict[str, type[Provider]]:
    """Return the provider class by name, in the order of the installed apps.

    The name is the app's label. Third-party wheels register by the entry-point group
    `vestibule.providers` and count only when named in settings.
    """
    apps.check_apps_ready()
    found: dict[str, type[Provider]] = {
        config.label: import_string(config.provider)
        for config in apps.get_app_configs()
        if hasattr(config, "provider")
    }
    named = conf.provider_wheels()
    for wheel in entry_points(group=GROUP) if named else ():  # which reads every wheel's metadata
        if wheel.name in named and wheel.name not in found:
            found[wheel.name] = wheel.load()
    return found


def mistaken_wheels() -> Iterator[str]:
    """Say which names in the settings load no wheel; nothing when each does."""
    own = {config.label for config in apps.get_app_configs() if hasattr(config, "provider")}
    named = conf.provider_wheels()
    installed = entry_points(group=GROUP).names if named else ()
    for name in named:
        if name in own:
            yield f"{name} is a provider of the site itself"
        elif name not in installed:
            yield f"no installed package has a provider {name}"


def session_types() -> frozenset[str]:
    """Return the types that a session can have; any other is the chart's *Unknown*."""
    return frozenset(provider.session_type for provider in providers().values())


def secret_names(name: str) -> set[str]:
    """Return the settings of the provider `name` that are secrets; none of an unknown provider."""
    provider = providers().get(name)
    return secrets_of(provider) if provider else set()


def secrets_of(provider: type[Provider]) -> set[str]:
    """Return the settings of `provider` that are secrets."""
    fields = dataclasses.fields(provider.Settings)
    return {field.name for field in fields if field.metadata.get("secret")}


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """Return the default of a setting; None for one that must be given."""
    if field.default is not dataclasses.MISSING:
        return field.default
    made = field.default_factory
    return made() if made is not dataclasses.MISSING else None


def shortcomings(provider: type[Any]) -> Iterator[str]:
    """Say where `provider` does not fulfil the contract; nothing when it does."""
    session_type = getattr(provider, "session_type", None)
    if not isinstance(session_type, str) or not session_type or session_type in RESERVED_TYPES:
        yield "declares no session_type of its own"
    settings = getattr(provider, "Settings", None)
    parameters = getattr(settings, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        yield "has no Settings that is a frozen dataclass"
    if sum(_declares(provider, way) for way in WAYS_IN) != 1:
        yield "has no way in, or more than one"
    asked: list[type[Any]] = [Provider]
    asked += [each for each in (*WAYS_IN, *OPTIONAL) if _declares(provider, each)]
    for protocol in asked:
        for member in members(protocol):
            if not callable(getattr(provider, member, None)):
                yield f"has no {member}() that can be called"


def _declares(provider: type[Any], protocol: type[Any]) -> bool:
    return any(hasattr(provider, member) for member in members(protocol))

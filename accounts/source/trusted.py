"""The settings of a source that are trusted: they say where people's proofs go, and who people are.

An address is trusted wherever it stands; what else is, a provider marks (accounts/provider/marks).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from accounts.provider import Provider
from accounts.source.registry import default_of

# What every provider may have for the pages, and nobody calls.
_SHOWN = frozenset({"label", "help"})


def changed(
    provider: type[Provider], given: Mapping[str, Any], stored: Mapping[str, Any]
) -> list[str]:
    """Return the names of the trusted settings that are not `given` as they are `stored`, in the
    order of the provider's `Settings`. What is left out has its default.
    """
    found: list[str] = []
    for each in dataclasses.fields(provider.Settings):
        before, after = (_value(each, settings) for settings in (stored, given))
        if not each.metadata.get("trusted"):
            before, after = (_of_field(each, v) | _kept(each, v) for v in (before, after))
        if before != after:
            found.append(each.name)
    return found


def naming(provider: type[Provider], given: Mapping[str, Any]) -> list[str]:
    """Return the names of the settings that say as whom people are shown."""
    return [
        each.name
        for each in dataclasses.fields(provider.Settings)
        if _kept(each, _value(each, given), "naming")
    ]


def addresses(provider: type[Provider] | None, settings: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return each address among the settings, at any depth, with its place. What is left out has
    its default. Without a provider each setting is taken as it stands.
    """
    if provider is None:
        return _addresses(settings)
    each_of = dataclasses.fields(provider.Settings)
    return set().union(*(_of_field(each, _value(each, settings)) for each in each_of))


def is_trusted(field: "dataclasses.Field[Any]", value: Any) -> bool:
    """Tell whether a setting with this value is trusted: marked so, or an address."""
    return bool(field.metadata.get("trusted") or _of_field(field, value))


def _value(field: "dataclasses.Field[Any]", settings: Mapping[str, Any]) -> Any:
    """Return the value of a setting, with the lists that JSON has for tuples."""
    value = settings.get(field.name, default_of(field))
    return list(value) if isinstance(value, tuple) else value


def _of_field(field: "dataclasses.Field[Any]", value: Any) -> set[tuple[str, str]]:
    is_none = field.metadata.get("words") or field.name in _SHOWN
    return set() if is_none else _addresses(value, f".{field.name}")


def _kept(field: "dataclasses.Field[Any]", value: Any, mark: str = "kept") -> set[tuple[str, str]]:
    """Return what a mapping says of the names that its provider has marked so."""
    names = field.metadata.get(mark, ()) if isinstance(value, Mapping) else ()
    return {(name, str(value[name])) for name in names if name in value}


def _addresses(value: Any, place: str = "") -> set[tuple[str, str]]:
    if isinstance(value, Mapping):
        pairs = [(f"{place}.{name}", each) for name, each in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(place, each) for each in value]
    else:
        text = str(value)
        return {(place, text)} if "://" in text else set()
    return set().union(*(_addresses(each, where) for where, each in pairs))

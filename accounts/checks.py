"""System checks of the ground floor, run at start."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from accounts import conf, keyring
from accounts.source import registry
from accounts.strength import held, levels

_CONTRACT = "See accounts/provider/protocols.py."


@register("vestibule")
def providers_fulfil_the_contract(**_: Any) -> list[CheckMessage]:
    """Each installed provider has every member that the contract names."""
    return [
        Error(f"The provider {name} {lack}.", hint=_CONTRACT, id="vestibule.E001")
        for name, provider in registry.providers().items()
        for lack in registry.shortcomings(provider)
    ]


@register("vestibule")
def wheels_are_there(**_: Any) -> list[CheckMessage]:
    """A provider that is named and missing would sign its people out without a word."""
    hint = "Name what is installed beside the site, and nothing else (docs/providers.md)."
    return [
        Error(f"VESTIBULE_PROVIDER_WHEELS: {wrong}.", hint=hint, id="vestibule.E004")
        for wrong in registry.mistaken_wheels()
    ]


@register("vestibule")
def the_keyring_is_usable(**_: Any) -> list[CheckMessage]:
    """The keyring holds a key, and each key is base64 of 32 bytes."""
    keys = conf.vault_keys()
    if not keys:
        return [
            Error(
                "There is no key to seal sessions and tokens with.",
                hint="Set VESTIBULE_VAULT_KEYS to one or more base64 keys of 32 bytes.",
                id="vestibule.E002",
            )
        ]
    if not all(keyring.valid_key(key) for key in keys):
        return [
            Error(
                "A key in VESTIBULE_VAULT_KEYS is not base64 of 32 bytes.",
                hint="Make one with: openssl rand -base64 32",
                id="vestibule.E003",
            )
        ]
    return []


@register("vestibule")
def strengths_are_known(**_: Any) -> list[CheckMessage]:
    """Each word of an upstream's means one of the strengths."""
    return [
        Error(
            f"VESTIBULE_STRENGTHS: {wrong} means none of {', '.join(levels.WORDS)} and none.",
            hint="Write word=strength, separated by commas (docs/strength.md).",
            id="vestibule.E015",
        )
        for wrong in levels.problems(held.pairs_of(conf.strengths()))
    ]

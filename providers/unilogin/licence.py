"""Who may come in: people with a licence, of an institution in one of our municipalities.

The rule fails closed: whatever is missing, contradictory or unknown lets nobody in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accounts.errors import AccessDenied, TemporarilyUnavailable
from providers.unilogin import institutions

Claims = Mapping[str, Any]


def check_licence(*answers: Claims) -> None:
    """Check `has_license` (true, or the text "true") in the answers of the broker.

    Raises `AccessDenied` when no answer names it, or one says otherwise.
    """
    said = [claims["has_license"] for claims in answers if "has_license" in claims]
    if not said or not all(each is True or each == "true" for each in said):
        raise AccessDenied("The person has no licence.")


def check_institutions(
    numbers: Iterable[str],
    *,
    allowed: frozenset[str],
    exempt: frozenset[str],
    municipality_of: Callable[[str], str],
) -> None:
    """Let in whoever has one institution in one of the municipalities `allowed`.

    `exempt` institutions need no look-up. Raises `AccessDenied` when all is known and nothing fits,
    `TemporarilyUnavailable` when nothing fits and a look-up by `municipality_of` failed.
    """
    belongs = tuple(numbers)
    if not belongs:
        raise AccessDenied("The person has no institution.")
    if exempt & set(belongs):
        return
    failed: TemporarilyUnavailable | None = None
    for each in belongs:
        try:
            if municipality_of(each) in allowed:
                return
        except TemporarilyUnavailable as error:
            failed = failed or error
    if failed is not None:
        raise failed
    raise AccessDenied("None of the person's institutions is in a municipality that is let in.")


def municipalities(configured: Iterable[str]) -> frozenset[str]:
    """Return the configured municipalities in their one notation, without what is none."""
    return frozenset(filter(None, map(institutions.municipality, configured)))

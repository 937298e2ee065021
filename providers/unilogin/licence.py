"""Who may come in: people with a licence, of an institution in one of our municipalities.

All of it fails closed: what is missing, contradictory or not understood is a no, and what cannot
be found out is no yes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accounts.errors import AccessDenied, TemporarilyUnavailable
from providers.unilogin import institutions

Claims = Mapping[str, Any]


def check_licence(*told: Claims) -> None:
    """Refuse whom nobody, or not everybody who speaks of it, says to have a licence.

    `told` is what each of the broker's answers holds. `has_license` is true, or the text "true".
    Raises `AccessDenied`.
    """
    said = [claims["has_license"] for claims in told if "has_license" in claims]
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

    `exempt` institutions need no look-up. `municipality_of` may raise `TemporarilyUnavailable`:
    the others are tried all the same, and only when none of them fits it is raised. Raises
    `AccessDenied` when all is known and nothing fits.
    """
    belongs = tuple(numbers)
    if not belongs:
        raise AccessDenied("The person has no institution.")
    if exempt & set(belongs):
        return
    trouble: TemporarilyUnavailable | None = None
    for each in belongs:
        try:
            if municipality_of(each) in allowed:
                return
        except TemporarilyUnavailable as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    raise AccessDenied("None of the person's institutions is in a municipality that is let in.")


def municipalities(configured: Iterable[str]) -> frozenset[str]:
    """Return the configured municipalities in their one notation, without what is none."""
    return frozenset(filter(None, map(institutions.municipality, configured)))

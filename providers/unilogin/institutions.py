"""Who may come in: people with a licence, of an institution in one of our municipalities.

The rule fails closed: whatever is missing, contradictory or unknown lets nobody in. Numbers are
read as different hands write them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accounts.errors import AccessDenied, TemporarilyUnavailable

# Why somebody is refused, as the event tells it.
NO_LICENCE = "The person has no licence."
NO_INSTITUTION = "The person has no institution."
ELSEWHERE = "None of the person's institutions is in a municipality that is let in."

# More than any teacher has; what is beyond is not looked at.
MOST = 20
_LONGEST = 2000
_NUMBER = re.compile(r"[A-Z0-9]{1,20}")
_MUNICIPALITY = re.compile(r"[0-9]{1,6}")


def number(found: object) -> str:
    """Return the number of an institution (instnr) in its one notation; '' for anything else."""
    text = found.strip().strip("\"'").upper() if isinstance(found, str) else ""
    return text if _NUMBER.fullmatch(text) else ""


def municipality(found: object) -> str:
    """Return the number of a municipality (kommunenr) without zeros in front; '' for none."""
    text = found.strip() if isinstance(found, str) else ""
    return text.lstrip("0") if _MUNICIPALITY.fullmatch(text) else ""


def listed(found: object) -> tuple[str, ...]:
    """Return the institutions of a person, each once, in their order, at most `MOST`.

    The broker writes them as one text, `[A04441,101047]`; others send a list. What is no number
    of an institution is left out.
    """
    if isinstance(found, str):
        found = found[:_LONGEST].strip().removeprefix("[").removesuffix("]").split(",")
    if not isinstance(found, list):
        return ()
    numbers = (number(each) for each in found[:_LONGEST])
    return tuple(dict.fromkeys(each for each in numbers if each))[:MOST]


def check_licence(*answers: Mapping[str, Any]) -> None:
    """Check `has_license` (true, or the text "true") in the answers of the broker.

    Raises `AccessDenied` when no answer names it, or one says otherwise.
    """
    said = [claims["has_license"] for claims in answers if "has_license" in claims]
    if not said or not all(each is True or each == "true" for each in said):
        raise AccessDenied(NO_LICENCE)


def check_institutions(
    numbers: Iterable[str],
    *,
    allowed: frozenset[str],
    exempt: frozenset[str],
    municipality_of: Callable[[str, int], str],
) -> None:
    """Let in whoever has one institution in one of the municipalities `allowed`.

    `exempt` institutions need no look-up. `municipality_of` is told how many are still to be asked
    for, with this one. Raises `AccessDenied` when all is known and nothing fits,
    `TemporarilyUnavailable` when nothing fits and a look-up failed.
    """
    belongs = tuple(numbers)
    if not belongs:
        raise AccessDenied(NO_INSTITUTION)
    if exempt & set(belongs):
        return
    failed: TemporarilyUnavailable | None = None
    for number_before, each in enumerate(belongs):
        try:
            if municipality_of(each, len(belongs) - number_before) in allowed:
                return
        except TemporarilyUnavailable as error:
            failed = failed or error
    if failed is not None:
        raise failed
    raise AccessDenied(ELSEWHERE)


def municipalities(configured: Iterable[str]) -> frozenset[str]:
    """Return the configured municipalities in their one notation, without what is none."""
    return frozenset(filter(None, map(municipality, configured)))

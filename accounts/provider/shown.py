"""How the administration's form shows the settings of a provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The parts of the form in their order; what is in none of them is folded away.
MAIN, PEOPLE, MORE = "main", "people", "more"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting: what it is called, what it is for, in which part it stands, and what may be
    chosen, as pairs of value and words. All words may be translated lazily.
    """

    label: Any
    help: Any = ""
    part: str = MORE
    choices: tuple[tuple[str, Any], ...] = ()


def shown_of(settings: type[Any], name: str) -> Shown:
    """Return how the field `name` of a `Settings` is shown: as told, or by its name alone."""
    told: Mapping[str, Shown] = getattr(settings, "shown", {})
    return told.get(name) or Shown(name.replace("_", " ").capitalize())

"""The people who use the library. Each shows one thing that real patrons do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REGISTERED, UNREGISTERED, LOCKED_OUT = "VALID", "INVALID", "LOANER_LOCKED_OUT"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be. `attributes` are what Adgangsplatformen says of them (docs/threats.md 2.2).

    `number` is FBS's for a patron of this library, 0 for somebody who is none. An editor works at
    the CMS and has no token at Adgangsplatformen.
    """

    slug: str
    name: str
    help: Promise
    number: int = 0
    is_editor: bool = False
    icon: str = "person"
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_registered(self) -> bool:
        """Whether the person is a patron of this library."""
        return bool(self.number)


PEOPLE = (
    Person(
        "rikke",
        "Rikke Læser",
        _("A patron of the library."),
        4711,
        # Neither is a number that anybody could have.
        attributes={"cpr": "9999999901", "uniqueId": "unique-rikke"},
    ),
    Person(
        "lars",
        "Lars Låner",
        _("Another patron of the library, without a CPR number."),
        4712,
        attributes={"uniqueId": "unique-lars"},
    ),
    Person(
        "nils",
        "Nils Nytilflyttet",
        _("Somebody who is not registered at the library yet."),
        attributes={"cpr": "9999999903"},
    ),
    Person(
        "else",
        "Else Redaktør",
        _("An editor of the library's site, who has no token."),
        is_editor=True,
        icon="badge",
    ),
)


def find(slug: str) -> Person | None:
    """Return who has this slug, or None."""
    return next((each for each in PEOPLE if each.slug == slug), None)

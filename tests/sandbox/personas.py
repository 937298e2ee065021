"""The people who live in the sandbox. Each shows one thing that real sources do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Which claims a scope opens (OIDC Core, 5.4); `groups` and `roles` are as many providers have them.
CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "openid": ("sub",),
    "profile": ("name", "given_name", "family_name", "preferred_username", "locale"),
    "email": ("email", "email_verified"),
    "groups": ("groups",),
    "roles": ("realm_access",),
    "offline_access": (),
}


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody to be: `subject` as the provider knows them, and what it says of them."""

    subject: str
    title: str
    help: Promise
    icon: str = "person"
    claims: Mapping[str, Any] = field(default_factory=dict)

    def claims_for(self, scope: str) -> dict[str, Any]:
        """Return the claims that the scopes open, among those that this persona has."""
        known = {"sub": self.subject, **self.claims}
        opened = [name for each in scope.split() for name in CLAIMS_OF_SCOPE.get(each, ())]
        return {name: known[name] for name in opened if name in known}


def _named(given: str, family: str, username: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"{given} {family}",
        "given_name": given,
        "family_name": family,
        "preferred_username": username,
        "email": f"{username}@example.org",
        "email_verified": True,
        "locale": "da-DK",
        **more,
    }


PERSONAS = (
    Persona(
        "c7d1b9a2-citizen",
        "Clara Clausen",
        _("A citizen with a name and a confirmed mail address."),
        claims=_named("Clara", "Clausen", "clara"),
    ),
    Persona(
        "0b64e3f8-caseworker",
        "Cem Öztürk",
        _("A caseworker with the roles caseworker and approver."),
        "badge",
        _named("Cem", "Öztürk", "cem", realm_access={"roles": ["caseworker", "approver"]}),
    ),
    Persona(
        "5ac20e71-librarian",
        "Liv Sørensen",
        _("A librarian in the groups library and staff."),
        "library",
        _named("Liv", "Sørensen", "liv", groups=["library", "staff"]),
    ),
    Persona(
        "91f3d6c4-unverified",
        "Uwe Unsicher",
        _("A person whose mail address nobody has confirmed."),
        claims=_named("Uwe", "Unsicher", "uwe", email_verified=False),
    ),
    Persona(
        "e8270b55-nameless",
        "e8270b55-nameless",
        _("A person of whom nothing is known but a number."),
        "key",
    ),
)

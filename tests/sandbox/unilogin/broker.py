"""The broker: a realm with personas of its own, registered clients of its own, and longer paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from tests.sandbox import conf
from tests.sandbox.clients import Client
from tests.sandbox.personas import Persona
from tests.sandbox.realms import Realm
from tests.sandbox.unilogin.schools import BY_THE_LAKES, FOR_TESTS, ON_THE_HILL

# As in production, an address that nobody visits.
CLIENT_ID = "https://vestibule.example/"
# No secret: it opens nothing but a stand-in on this machine, and is written in docs/unilogin.md.
CLIENT_SECRET = "known-to-everybody-who-reads-of-unilogin"
# The source that the demo makes, and a slug for one that its visitors make.
SLUGS = ("unilogin", "unilogin-test")


@dataclass(frozen=True, slots=True)
class Broker(Realm):
    """A realm as Unilogin's broker is one: its name is a path."""

    @property
    def cookie(self) -> str:
        """The name of the session's cookie, which may hold no slash."""
        return "sandbox-unilogin"

    def client(self, client_id: str) -> Client | None:
        """Return the registered client, or None."""
        return _client() if client_id == CLIENT_ID else None


def _client() -> Client:
    site = conf.site_origin()
    redirects = tuple(
        f"{site}{path}"
        for slug in SLUGS
        for path in (f"/auth/callback/{slug}", f"/openid/{slug}/callback")
    )
    return Client(CLIENT_ID, CLIENT_SECRET, redirects, (f"{site}/",))


def _school(uniid: str, institution_ids: object, *, licence: object = "true") -> dict[str, Any]:
    """Return what the broker tells of somebody, in its introspection and its id_tokens."""
    return {"uniid": uniid, "institution_ids": institution_ids, "has_license": licence}


# The broker writes a list as one text in brackets; one persona has a list, as others may send it.
PERSONAS = (
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c001",
        "Ida",
        _("A pupil of a school in our municipality."),
        "school",
        _school("idax1234", f"[{BY_THE_LAKES.instnr}]"),
    ),
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c002",
        "Bo",
        _("A pupil of a school in another municipality."),
        "school",
        _school("boxx1234", [ON_THE_HILL.instnr]),
    ),
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c003",
        "Tove",
        _("A teacher at two schools, the second of them in our municipality."),
        "badge",
        _school("tove1234", f"[{ON_THE_HILL.instnr}, {BY_THE_LAKES.instnr}]", licence=True),
    ),
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c004",
        "Nils",
        _("A pupil whose school has no licence."),
        "school",
        _school("nils1234", f"[{BY_THE_LAKES.instnr}]", licence="false"),
    ),
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c005",
        "Vera",
        _("A teacher who has left school: no institution is named."),
        "badge",
        _school("vera1234", "[]"),
    ),
    Persona(
        "0d0e6a44-57f5-4f1c-9a52-b8f7f2a0c006",
        "Test",
        _("Somebody of the institution that Unilogin keeps for tests."),
        "key",
        _school("test1234", f"[{FOR_TESTS.instnr}]"),
    ),
)
BROKER = Broker("auth/realms/broker", PERSONAS)


def claims_of(subject: str) -> Mapping[str, Any]:
    """Return what the broker tells of somebody beside the subject; {} for a stranger."""
    persona = BROKER.persona(subject)
    return persona.claims if persona else {}

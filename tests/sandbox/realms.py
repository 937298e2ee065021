"""The realms: identity sources that share this process, each below a path of its own."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sandbox import conf
from tests.sandbox.clients import Client, site_clients
from tests.sandbox.personas import PERSONAS, Persona


@dataclass(frozen=True, slots=True)
class Realm:
    """One identity source: `name` is its path and the end of its cookie's name."""

    name: str
    personas: tuple[Persona, ...]

    @property
    def issuer(self) -> str:
        """The issuer identifier (OIDC Core, 2): the address below which all of it lies."""
        return f"{conf.sandbox_origin()}/{self.name}"

    @property
    def cookie(self) -> str:
        """The name of the session's cookie."""
        return f"sandbox-{self.name}"

    def persona(self, subject: str) -> Persona | None:
        """Return who has this subject, or None."""
        return next((each for each in self.personas if each.subject == subject), None)

    def client(self, client_id: str) -> Client | None:
        """Return the registered client, or None."""
        return next((each for each in site_clients() if each.client_id == client_id), None)


OPENID = Realm("openid", PERSONAS)
REALMS = {realm.name: realm for realm in (OPENID,)}

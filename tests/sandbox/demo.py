"""The demo: what is in it, and which processes it is made of."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps
from django.db import connection, connections
from django.utils.translation import gettext as _

from accounts import conf
from accounts.models import Source, User
from accounts.models.users import username_key
from accounts.source import catalogue
from tests.sandbox.processes import Process


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody who lives in the demo. The password is no secret: the banner shows it."""

    username: str
    password: str
    name: str
    is_administrator: bool = False


PERSONAS = (
    Persona("admin", "admin-of-the-demo", "Ada Administrator", is_administrator=True),
    Persona("patron", "patron-of-the-demo", "Pia Patron"),
)


class Part(Protocol):
    """What a room adds to the demo: a module that the attribute `demo` of its AppConfig names.

    `port` is always the site's.
    """

    def processes(self, port: int, site_url: str) -> list[dict[str, Any]]:
        """Return what to run beside the site: keywords of `served`."""

    def furnish(self, port: int) -> None:
        """Make what is missing in the site's database, and leave what is there."""

    def forget(self) -> None:
        """Delete what the processes remember."""

    def banner(self, port: int) -> list[str]:
        """Return lines for the banner."""


def parts() -> list[Part]:
    """Return what the rooms add to the demo, in the order of the installed apps."""
    offered = (getattr(config, "demo", "") for config in apps.get_app_configs())
    modules: list[Any] = [import_module(path) for path in offered if path]
    return modules


def is_somebody_elses() -> bool:
    """Tell whether there are people in the database, and the demo's administrator is not."""
    admin = username_key(PERSONAS[0].username)
    return User.objects.exists() and not User.objects.filter(username_key=admin).exists()


def forget() -> None:
    """Delete the embedded database, and what the other parts remember. Nothing else.

    The caller has made sure that it is an embedded one.
    """
    for part in parts():
        part.forget()
    database = str(connection.settings_dict["NAME"])
    connections.close_all()
    for suffix in ("", "-wal", "-shm"):
        Path(database + suffix).unlink(missing_ok=True)


def furnish(port: int) -> None:
    """Make what is missing: the sources, and the personas. What is there stays as it is."""
    for part in parts():
        part.furnish(port)
    if not Source.objects.filter(slug=Source.LOCAL).exists():
        catalogue.save(Source(slug=Source.LOCAL, provider="local", order=1000, enroll=False))
    for persona in PERSONAS:
        user = User.objects.filter(username_key=username_key(persona.username)).first()
        (user or _create(persona)).give_local_identity()


def processes(port: int) -> list[Process]:
    """Return what the demo runs: the site, and its parts."""
    variables = {"VESTIBULE_SITE_URL": site_url(port)}
    if logging.getLogger().getEffectiveLevel() == logging.INFO:
        variables["VESTIBULE_LOG_LEVEL"] = "WARNING"  # the banner should stay in sight
    beside = [served(**each) for part in parts() for each in part.processes(port, site_url(port))]
    return [served("site", "portal.wsgi:application", port, variables), *beside]


def served(name: str, application: str, port: int, variables: Mapping[str, str]) -> Process:
    """Return a process that serves a WSGI application: one worker, with several threads."""
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi",
        "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--blocking-threads", str(conf.threads()),
        "--workers-kill-timeout", "4", "--no-ws", "--log-level", "error",
        application,
    ]  # fmt: skip
    return Process(name, command, port, variables=variables)


def site_url(port: int) -> str:
    """Return where the demo is seen."""
    return f"http://localhost:{port}"


def banner(port: int) -> str:
    """Return what to do now, in a few lines."""
    width = max(len(persona.username) for persona in PERSONAS)
    rows = [f"    {persona.username:<{width}}   {_password(persona)}" for persona in PERSONAS]
    lines = (
        "",
        "  " + _("Vestibule is open: %s") % site_url(port),
        "  " + _("Administration:    %s") % f"{site_url(port)}/admin/",
        *("  " + line for part in parts() for line in part.banner(port)),
        "",
        "  " + _("Sign in with a username and its password:"),
        *rows,
        "",
        "  " + _("Mails appear here. Leave with Ctrl-C; what you did is kept until --reset."),
        "",
    )
    return "\n".join(lines)


def _create(persona: Persona) -> User:
    fields = {"name": persona.name, "email": f"{persona.username}@example.org"}
    if persona.is_administrator:
        return User.objects.create_superuser(persona.username, persona.password, **fields)
    return User.objects.create_user(persona.username, persona.password, **fields)


def _password(persona: Persona) -> str:
    user = User.objects.get_by_natural_key(persona.username)
    return persona.password if user.check_password(persona.password) else _("(you changed it)")

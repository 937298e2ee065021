"""The demo: what is in it, and which processes it is made of."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, connections
from django.utils.translation import gettext as _
from oauth2_provider.models import get_application_model

from accounts.models import Source, User
from accounts.models.users import username_key
from accounts.source import catalogue
from tests.sandbox import mail, openid_demo, store
from tests.sandbox.cms import demo as cms_demo
from tests.sandbox.directory import demo as directory_demo
from tests.sandbox.files import demo as files_demo
from tests.sandbox.processes import Process, served
from tests.sandbox.unilogin import demo as unilogin_demo


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


USUAL_PORT = 8000
# The client of docs/examples/device.py.
COMMAND_LINE = "library-cli"


def is_somebody_elses() -> bool:
    """Tell whether there are people in the database, and the demo's administrator is not."""
    admin = username_key(PERSONAS[0].username)
    return User.objects.exists() and not User.objects.filter(username_key=admin).exists()


def forget() -> None:
    """Delete the embedded database, and what the stand-ins remember. Nothing else.

    The caller has made sure that it is an embedded one.
    """
    store.forget()
    database = str(connection.settings_dict["NAME"])
    connections.close_all()
    for suffix in ("", "-wal", "-shm"):
        Path(database + suffix).unlink(missing_ok=True)


def furnish(port: int) -> None:
    """Make what is missing: the sources, and the personas. What is there stays as it is."""
    openid_demo.furnish(port)
    unilogin_demo.furnish(port)
    cms_demo.furnish(port)
    directory_demo.furnish(port)
    files_demo.furnish()
    if not Source.objects.filter(slug=Source.LOCAL).exists():
        catalogue.save(Source(slug=Source.LOCAL, provider="local", order=1000, enroll=False))
    clients = get_application_model().objects
    if not clients.filter(client_id=COMMAND_LINE).exists():
        uris = "http://127.0.0.1 http://localhost"
        known = {"name": "The command line", "kind": "native", "redirect_uris": uris}
        clients.create(client_id=COMMAND_LINE, client_secret="", **known)
    for persona in PERSONAS:
        user = User.objects.filter(username_key=username_key(persona.username)).first()
        (user or _create(persona)).give_local_identity()


def processes(port: int) -> list[Process]:
    """Return what the demo runs: the site, and the stand-ins."""
    url = site_url(port)
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.sandbox.site",
        "VESTIBULE_SITE_URL": url,
        "VESTIBULE_SANDBOX_URL": openid_demo.origin(port),
    }
    if logging.getLogger().getEffectiveLevel() == logging.INFO:
        variables["VESTIBULE_LOG_LEVEL"] = "WARNING"  # the banner should stay in sight
    return [
        served("site", "portal.rsgi:application", port, variables),
        openid_demo.process(port, url),
        cms_demo.process(port, url),
        *directory_demo.processes(port),
        files_demo.process(port, url),
    ]


def examined(port: int) -> str:
    """Return the command that examines the demo."""
    elsewhere = "" if port == USUAL_PORT else f"VESTIBULE_SITE_URL={site_url(port)} "
    return f"{elsewhere}DJANGO_SETTINGS_MODULE=tests.sandbox.site .venv/bin/python manage.py doctor"


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
        "  " + openid_demo.banner(port),
        "  " + unilogin_demo.banner(port),
        "  " + cms_demo.banner(port),
        "  " + directory_demo.banner(port),
        "  " + files_demo.banner(port),
        "  " + _("Mails:             %s") % mail.address(openid_demo.origin(port)),
        "",
        "  " + _("Sign in with a username and its password:"),
        *rows,
        "",
        "  " + _("Sign in from a command line, in a second terminal:"),
        f"    python3 docs/examples/device.py {site_url(port)} {COMMAND_LINE}",
        "",
        "  " + _("Examine the installation, in a second terminal:"),
        f"    {examined(port)}",
        "",
        "  " + _("Leave with Ctrl-C; what you did is kept until --reset."),
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

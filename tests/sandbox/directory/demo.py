"""The directory's part in `manage.py demo`, where OpenLDAP's server is installed. `port` is always
the site's.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import Source
from tests.sandbox import conf, sources
from tests.sandbox.directory import slapd
from tests.sandbox.directory.slapd import GROUPS, PEOPLE, SUFFIX, Entry, dn_of, group, person
from tests.sandbox.processes import Process

SLUG = "work"
PASSWORD = "work-of-the-demo"  # the banner shows it
_NOW, _LONG_AGO = f"{datetime.now(UTC):%Y%m%d%H%M%S}Z", "20200101000000Z"


@dataclass(frozen=True, slots=True)
class Served(Process):
    """The server: it is ready when its port takes a connection."""

    def answers(self) -> bool:
        """Tell whether it is ready."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


def trouble() -> str:
    """Return why there is no directory; nothing where there is one."""
    if slapd.program() is None:
        return _("OpenLDAP's slapd is not installed")
    return _("OpenLDAP's slapd may not work in var/") if _refused().exists() else ""


def processes(port: int) -> list[Process]:
    """Return the process beside the site; none where there is no directory."""
    if trouble():
        return []
    command = slapd.command(_folder(), f"ldap://127.0.0.1:{port + 3}")
    return [Served("directory", command, port + 3)]


def furnish(port: int) -> None:
    """Fill the directory anew, and make the source `work`, or let its address follow."""
    if slapd.program() is None:
        return
    shutil.rmtree(_folder(), ignore_errors=True)
    try:
        slapd.prepare(_folder(), entries())
    except subprocess.CalledProcessError:  # a system that confines it to folders of its own
        _refused().touch()
        return
    settings = {
        "base": PEOPLE,
        "bind_dn": slapd.READER,
        "bind_password": slapd.READER_PASSWORD,
        "start_tls": False,  # the server is on this machine
        "group_filter": "(member={dn})",
        "group_base": GROUPS,
        "nested_groups": True,
        "claims": {"username": "uid"},
        "help": gettext_noop("Be an employee who is made up."),
        "recheck_minutes": 1,
    }
    label = gettext_noop("Work account (sandbox)")
    source = Source(slug=SLUG, provider="ldap", label=label, order=30, settings=settings)
    sources.furnish(source, {"servers": [origin(port)]})


def banner(port: int) -> str:
    """Return what the demo says of this part."""
    if why := trouble():
        return _("Directory:         left out, as %s") % why
    names = ", ".join(uid for uid, *_rest in PERSONAS)
    return _("Directory:         %(at)s (%(names)s: %(password)s)") % {
        "at": origin(port),
        "names": names,
        "password": PASSWORD,
    }


def origin(port: int) -> str:
    """Return where the directory stands beside a site on `port`."""
    return f"ldap://127.0.0.1:{port + 3}"


# The name that they type, theirs, and what else the directory says of them.
PERSONAS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("mette", "Mette Mortensen", {}),
    ("søren", "Søren Ærøskøbing", {"mail": ""}),
    ("grete", "Grete Glemt", {"pwdPolicySubentry": "grace", "pwdChangedTime": _LONG_AGO}),
    ("otto", "Otto Overskredet", {"pwdPolicySubentry": "strict", "pwdChangedTime": _LONG_AGO}),
    ("svend", "Svend Snart", {"pwdPolicySubentry": "soon", "pwdChangedTime": _NOW}),
    ("karl", "Karl Kvit", {"pwdAccountLockedTime": "000001010000Z"}),
)


def entries() -> list[Entry]:
    """Return who is in the directory. Each has the same identity at each start."""
    people = [
        person(uid, name, PASSWORD, entryUUID=_identity(number), **_pointed(more))
        for number, (uid, name, more) in enumerate(PERSONAS, 1)
    ]
    caseworkers = group("caseworkers", [dn_of("mette"), dn_of("grete")])
    # The one in the other: a caseworker is of the staff.
    staff = group("staff", [caseworkers[0], dn_of("søren")])
    policies = [
        _policy("strict", pwdMaxAge="60"),
        _policy("grace", pwdMaxAge="60", pwdGraceAuthNLimit="5"),
        _policy("soon", pwdMaxAge="500000", pwdExpireWarning="499999"),
    ]
    return [*policies, *people, caseworkers, staff]


def _policy(name: str, **more: str) -> Entry:
    attributes = {"objectClass": ("device", "pwdPolicy"), "pwdAttribute": "userPassword", **more}
    return f"cn={name},{SUFFIX}", attributes


def _pointed(more: dict[str, str]) -> dict[str, str]:
    """Return attributes in which a policy is named as an entry is."""
    name = more.get("pwdPolicySubentry")
    return {**more, "pwdPolicySubentry": f"cn={name},{SUFFIX}"} if name else more


def _identity(number: int) -> str:
    return f"5011ad00-0000-4000-8000-{number:012d}"


def _folder() -> Path:
    return conf.database().parent / "directory"


def _refused() -> Path:
    return _folder() / "refused"

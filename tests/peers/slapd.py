"""OpenLDAP's slapd for a test: plain, StartTLS and ldaps, with people who each show one thing.

    with slapd() as directory:
        directory.settings()           # of a source of the provider `ldap`, by StartTLS
        directory.operations()         # what it was asked since the last time

What is in it can be changed by `modify`, `add`, `delete` and `rename`.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import ldap3

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.site import free_port
from tests.sandbox.directory import slapd as server
from tests.sandbox.directory.slapd import GROUPS, PEOPLE, SUFFIX, Entry, group, person
from tests.sandbox.directory.slapd import dn_of as dn

PATIENCE = 60.0  # seconds until a started server must answer
STATS = 256  # slapd's level of logging that shows each operation
OLD, TODAY = "20200101000000Z", f"{datetime.now(UTC):%Y%m%d%H%M%S}Z"
_OPERATION = re.compile(
    r' op=\d+ (?:(BIND) dn="(.*)" method|(SRCH) base="(.*?)" scope|(EXT) oid=(\S+))'
)


def member_of(*names: str) -> tuple[str, ...]:
    return tuple(f"cn={name},{GROUPS}" for name in names)


def policy(name: str, **more: str) -> Entry:
    attributes = {"objectClass": ("device", "pwdPolicy"), "pwdAttribute": "userPassword", **more}
    return f"cn={name},{SUFFIX}", attributes


def under(name: str, **more: str) -> dict[str, str]:
    return {"pwdPolicySubentry": f"cn={name},{SUFFIX}", **more}


NAMES_OF_GROUPS = tuple(f"unit-{number:03d}" for number in range(500))
# Every byte that means something in a filter is in it.
GUID = uuid.UUID(bytes_le=b"\x00*()\\\xff\xc3\xa6/=~&|!\x80\x0a")
PERSONAS: tuple[Entry, ...] = (
    person(
        "ad",
        "Adam Directory",
        "ldap-ad",
        objectClass=("inetOrgPerson", "extensibleObject"),
        objectGUID=GUID.bytes_le,
        sAMAccountName="adam",
        userAccountControl="512",
    ),
    person("alice", "Alice Andersen", "ldap-alice", memberOf=member_of("staff", "admins")),
    person("bob", "Bob Berg", "ldap-bob", memberOf=member_of("staff")),
    person("søren", "Søren Ærøskøbing", "blåbærgrød på ærø", displayName="Søren"),
    person("dave", "Dahl, Dave (Jr) *", "pæss wörd*)(\\", sn="Dahl"),
    person("eve", "Eve Nomail", "ldap-eve", mail=""),
    person("o'b,r(i)a*n\\+<x>", 'Brian "#"; O=B', "ldap-brian", mail=""),
    person("josé", "José Núñez", "ldap-jose", mail=""),
    person("gone", "Gustav Gone", "ldap-gone", pwdAccountLockedTime="000001010000Z"),
    person("left", "Lena Left", "ldap-left", employeeType="left"),
    person("reset", "Rita Reset", "ldap-reset", pwdReset="TRUE"),
    person("expired", "Elsa Expired", "ldap-expired", **under("strict", pwdChangedTime=OLD)),
    person("grace", "Grete Grace", "ldap-grace", **under("grace", pwdChangedTime=OLD)),
    person("soon", "Sune Soon", "ldap-soon", **under("soon", pwdChangedTime=TODAY)),
    person("locks", "Lotte Locks", "ldap-locks", **under("locks")),
    person("many", "Mona Many", "ldap-many", memberOf=member_of(*NAMES_OF_GROUPS)),
    person("twin-1", "Twin One", "ldap-twin", mail="twins@example.org"),
    person("twin-2", "Twin Two", "ldap-twin", mail="twins@example.org"),
    group("staff", [dn("alice"), dn("bob")]),
    group("admins", [dn("alice")]),
    # A ring: everybody of the inner circle is of the outer one, which is a part of the inner one.
    group("inner", [dn("bob"), f"cn=outer,{GROUPS}"]),
    group("outer", [f"cn=inner,{GROUPS}"]),
    group("beyond", [f"cn=outer,{GROUPS}"]),
    *(group(name, [dn("many")]) for name in NAMES_OF_GROUPS),
    policy("strict", pwdMaxAge="60"),
    policy("grace", pwdMaxAge="60", pwdGraceAuthNLimit="3"),
    policy("soon", pwdMaxAge="500000", pwdExpireWarning="499999"),
    policy("locks", pwdLockout="TRUE", pwdMaxFailure="2"),
)


@dataclass
class Directory:
    """A running server."""

    folder: Path
    port: int
    tls_port: int
    certificates: Certificates
    log: IO[bytes] = field(repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _read: int = 0

    @property
    def plain(self) -> str:
        return f"ldap://localhost:{self.port}"

    @property
    def tls(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings of a source, by StartTLS unless `more` says otherwise."""
        return {
            "servers": [self.plain],
            "base": PEOPLE,
            "bind_dn": server.READER,
            "bind_password": server.READER_PASSWORD,
            "ca": str(self.certificates.authority),
            **more,
        }

    def file(self, **more: str) -> str:
        """Return a file for `sources apply` with a source `work`; `more` are lines of settings."""
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.settings().items()]
        lines += [f"{name} = {value}" for name, value in more.items()]
        head = ("[sources.work]", 'provider = "ldap"', 'label = "Your work account"', "order = 10")
        return "\n".join((*head, "[sources.work.settings]", *lines, ""))

    def start(self) -> None:
        """Serve, and return once it answers. It ends with this process."""
        addresses = [f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"]
        command = server.command(self.folder, *addresses, log=STATS)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, f"slapd ended at its start:\n{self.output()}"
            assert time.monotonic() < deadline, f"slapd does not answer:\n{self.output()}"
            time.sleep(0.05)
        self.operations()

    def stop(self) -> None:
        """End it. Harmless when it has ended."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def limit(self, how: str) -> None:
        """Give the reader so much and no more, by `limits` of slapd.conf(5), and start anew."""
        configuration = self.folder / "slapd.conf"
        kept = configuration.read_text().partition("limits ")[0]
        configuration.write_text(f'{kept}limits dn.exact="{server.READER}" {how}\n')
        self.stop()
        self.start()

    def output(self) -> str:
        """Return what it printed so far."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def operations(self) -> list[tuple[str, ...]]:
        """Return the operations since the last time: `("SRCH", base)`, `("BIND", name)`."""
        said = self.output()
        new, self._read = said[self._read :], len(said)
        found = ([part for part in each if part] for each in _OPERATION.findall(new))
        return [(kind, *name) for kind, *name in found]  # a name may be empty

    def connections(self) -> int:
        """Return how many connections it has accepted so far."""
        return self.output().count(" ACCEPT from ")

    def modify(self, name: str, **attributes: str | Sequence[str]) -> None:
        """Replace attributes of an entry; an empty value takes one away."""
        with self._admin() as admin:
            changes = {
                key: [(ldap3.MODIFY_REPLACE, _several(values))]
                for key, values in attributes.items()
            }
            done = admin.modify(name, changes, controls=[("1.3.6.1.4.1.4203.666.5.12", True, None)])
            assert done, admin.result

    def add(self, entry: Entry) -> None:
        with self._admin() as admin:
            assert admin.add(entry[0], attributes=dict(entry[1])), admin.result

    def delete(self, name: str) -> None:
        with self._admin() as admin:
            assert admin.delete(name), admin.result

    def rename(self, name: str, to: str) -> None:
        with self._admin() as admin:
            assert admin.modify_dn(name, to), admin.result

    @contextmanager
    def _admin(self) -> Iterator[Any]:
        where = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        with ldap3.Connection(where, server.ADMIN, server.ADMIN_PASSWORD, check_names=False) as own:
            yield own
        self.operations()

    def _answers(self) -> bool:
        try:
            with self._admin():
                return True
        except ldap3.core.exceptions.LDAPException:
            return False


@contextmanager
def slapd(extra: Sequence[Entry] = ()) -> Iterator[Directory]:
    """Run a directory on free ports of 127.0.0.1 until the end of the block."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        home = Path(folder)
        certificates = make_certificates(home, ("localhost",))
        files: Mapping[str, Path] = {
            "CACertificate": certificates.authority,
            "Certificate": certificates.certificate,
            "CertificateKey": certificates.key,
        }
        server.prepare(home / "slapd", [*PERSONAS, *extra], files)
        own = Directory(home / "slapd", free_port(), free_port(), certificates, log)
        own.start()
        try:
            yield own
        finally:
            own.stop()


def _several(values: str | Sequence[str]) -> list[str]:
    return [values] if isinstance(values, str) and values else list(values)

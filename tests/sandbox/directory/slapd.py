"""OpenLDAP's server for the demo and the tests: its configuration, what is in it, its command."""

from __future__ import annotations

import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

SUFFIX = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{SUFFIX}", "admin-of-the-directory"
READER, READER_PASSWORD = f"cn=reader,{SUFFIX}", "reader-of-the-directory"
# A name of an entry, and its attributes with a value or several each.
Values = str | bytes | Sequence[str]
Entry = tuple[str, Mapping[str, Values]]

_BESIDE = "/usr/sbin:/usr/local/sbin"  # where users without rights look for nothing
_SCHEMAS = ("/etc/ldap/schema", "/etc/openldap/schema")
_MODULES = ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap")
_CONFIGURATION = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
# What Active Directory has beside these ([MS-ADA1], [MS-ADA3]).
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
pidfile "{folder}/pid"
modulepath {modules}
moduleload back_mdb
moduleload memberof
moduleload ppolicy
disallow bind_anon
sizelimit 2000
{tls}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory "{folder}/db"
maxsize 67108864
dbnosync
index objectClass,uid,mail,member,entryUUID eq
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,{suffix}"
ppolicy_use_lockout
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base="{reader}" read by * none
"""


def program() -> str | None:
    """Return where the server is installed, None where it is not."""
    found = shutil.which("slapd") or shutil.which("slapd", path=_BESIDE)
    return found if _first(_SCHEMAS) and _first(_MODULES) else None


def prepare(folder: Path, entries: Iterable[Entry], tls: Mapping[str, Path] | None = None) -> None:
    """Fill a new `folder` with a directory that holds `entries` under `SUFFIX`.

    `tls` has the files `CACertificate`, `Certificate` and `CertificateKey`. Raises
    `CalledProcessError` when the server does not take it.
    """
    (folder / "db").mkdir(parents=True)
    lines = [f'TLS{name}File "{path}"' for name, path in (tls or {}).items()]
    text = _CONFIGURATION.format(
        schema=_first(_SCHEMAS),
        modules=_first(_MODULES),
        folder=folder,
        suffix=SUFFIX,
        admin=ADMIN,
        password=ADMIN_PASSWORD,
        reader=READER,
        tls="\n".join(lines),
    )
    (folder / "slapd.conf").write_text(text)
    known = "".join(_ldif(*entry) for entry in (*_ground(), *entries))
    add = [program() or "slapd", "-T", "add", "-q", "-f", str(folder / "slapd.conf")]
    subprocess.run(add, input=known.encode(), check=True, capture_output=True)  # noqa: S603


def command(folder: Path, *addresses: str, log: int = 0) -> list[str]:
    """Return the command that serves a prepared folder at `addresses`, in the foreground."""
    configuration = str(folder / "slapd.conf")
    return [program() or "slapd", "-d", str(log), "-f", configuration, "-h", " ".join(addresses)]


def person(uid: str, name: str, password: str, **more: Values) -> Entry:
    """Return a person's entry. `more` are further attributes; an empty value leaves one out."""
    attributes: dict[str, Values] = {
        "objectClass": "inetOrgPerson",
        "uid": uid,
        "cn": name,
        "sn": name.split()[-1],
        "mail": f"{uid}@example.org",
        "userPassword": password,
        **more,
    }
    return dn_of(uid), {key: value for key, value in attributes.items() if value}


def dn_of(uid: str) -> str:
    """Return the name of a person's entry (RFC 4514, 2.4)."""
    return "uid=" + re.sub(r'([,+"\\<>;=#])', r"\\\1", uid) + f",{PEOPLE}"


def group(name: str, members: Sequence[str]) -> Entry:
    """Return a group's entry; `members` are names of entries."""
    attributes = {"objectClass": "groupOfNames", "cn": name, "member": members}
    return f"cn={name},{GROUPS}", attributes


def _ground() -> list[Entry]:
    policy = ("device", "pwdPolicy")
    return [
        (SUFFIX, {"objectClass": ("dcObject", "organization"), "o": "Example", "dc": "example"}),
        (PEOPLE, {"objectClass": "organizationalUnit", "ou": "people"}),
        (GROUPS, {"objectClass": "organizationalUnit", "ou": "groups"}),
        (
            f"cn=default,{SUFFIX}",
            {"objectClass": policy, "pwdAttribute": "userPassword", "pwdMustChange": "TRUE"},
        ),
        (
            READER,
            {
                "objectClass": ("organizationalRole", "simpleSecurityObject"),
                "userPassword": READER_PASSWORD,
            },
        ),
    ]


def _ldif(dn: str, attributes: Mapping[str, Values]) -> str:
    """Return an entry in LDIF (RFC 2849), each value in base64 whatever it is."""
    lines = [f"dn:: {b64encode(dn.encode()).decode()}"]
    known = dict(attributes)
    if dn.startswith("cn="):
        known.setdefault("cn", dn[3:].partition(",")[0])
    for name, values in known.items():
        several = (values,) if isinstance(values, str | bytes) else values
        raw = (each if isinstance(each, bytes) else each.encode() for each in several)
        lines += [f"{name}:: {b64encode(each).decode()}" for each in raw]
    return "\n".join((*lines, "", ""))


def _first(folders: Sequence[str]) -> str:
    return next((each for each in folders if Path(each).is_dir()), "")

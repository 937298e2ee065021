"""What an operator may say of a directory (docs/ldap.md)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.provider.marks import CLAIMS, TRUSTED
from accounts.provider.shown import Shown
from providers.ldap.form import SHOWN

# Each is waited for, one after the other, by the self-test and where the one before fails.
MOST_SERVERS = 8
MAPPED = ("name", "username", "email")
PORTS = {"ldap": 389, "ldaps": 636}
USERNAME, DN = "{username}", "{dn}"
DAY = 24 * 60
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+")  # RFC 4512, 1.4
# An assertion of equality, in which alone a name is put in.
_ASSERTION = re.compile(r"\(([A-Za-z][A-Za-z0-9-]*)=([^()*]*\{username\}[^()*]*)\)")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the directory: where it is, and whether TLS comes first."""

    host: str
    port: int
    tls: bool

    @property
    def origin(self) -> str:
        """The server's name in the log and among the upstreams."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.tls else 'ldap'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapSettings:
    """A directory, and how its entries are people. Only `servers` and `base` are needed.

    `servers`, eight at most, are asked in turn when one fails. `start_tls` can be off for this
    machine only. `ca` is a file of certificates in PEM; empty, the system's are trusted. `bind_dn`
    searches; empty, nobody in particular does. `user_filter` finds the entry of `{username}` under
    `base`. `id_attribute` holds what never changes of an entry; `claims` says which attributes hold
    `name`, `username` and `email`. `public` lists the attributes that the session shows.
    Groups come of `group_attribute` in the person's entry, or of a search for `group_filter` under
    `group_base`; a group is told by its `group_name`, an attribute, or `dn`. `nested_groups` looks
    for the groups of groups too.
    `disabled_when`: an attribute with this value shuts its person out, beside what directories have
    for it. `password_page` is where people choose a new password. `recheck_minutes`: how often the
    directory is asked about those who have a session; 0 is never.
    """

    shown: ClassVar[Mapping[str, Shown]] = SHOWN

    servers: tuple[str, ...] = field(metadata=TRUSTED)
    base: str = field(metadata=TRUSTED)
    bind_dn: str = ""
    bind_password: str = field(default="", metadata={"secret": True}, repr=False)
    start_tls: bool = field(default=True, metadata=TRUSTED)
    ca: str = field(default="", metadata=TRUSTED)
    user_filter: str = field(default="(&(objectClass=person)(uid={username}))", metadata=TRUSTED)
    id_attribute: str = field(default="entryUUID", metadata=TRUSTED)
    claims: Mapping[str, str] = field(default_factory=dict, metadata=CLAIMS)
    mail_is_verified: bool = field(default=False, metadata=TRUSTED)
    public: tuple[str, ...] = ()
    group_attribute: str = ""
    group_filter: str = ""
    group_base: str = ""
    group_name: str = "cn"
    nested_groups: bool = False
    allowed_groups: tuple[str, ...] = ()
    disabled_when: Mapping[str, str] = field(default_factory=dict)
    password_page: str = field(default="", metadata=TRUSTED)
    recheck_minutes: int = 5
    label: str = ""
    help: str = ""
    icon: str = "person"

    def __post_init__(self) -> None:
        """Raise `ValueError` that names the first wrong field and what it should be."""
        for problem in problems(self):
            raise ValueError(problem)

    @property
    def issuer(self) -> str:
        """The directory's own name (RFC 4516, 2): its domain, wherever in it people are."""
        parts = [part.strip() for part in re.split(r"(?<!\\),", self.base)]
        domain = [part for part in parts if part.lower().startswith("dc=")] or parts
        return f"ldap:///{','.join(domain).lower()}"

    @property
    def asserted(self) -> tuple[tuple[str, str], ...]:
        """Which attributes the filter compares with the typed name, and in which form."""
        return tuple((name.lower(), form) for name, form in _ASSERTION.findall(self.user_filter))

    @property
    def tells_groups(self) -> bool:
        """Whether anything is known of groups."""
        return bool(self.group_attribute or self.group_filter)


def server(url: str) -> Server | None:
    """Return the server that `url` names (RFC 4516), or None."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        return None
    if not parts.hostname or "@" in parts.netloc or parts.path.strip("/") or "?" in url:
        return None
    return Server(parts.hostname, port, parts.scheme == "ldaps")


def problems(settings: LdapSettings) -> Iterator[str]:
    """Say what is wrong with settings, a sentence for each field; nothing when all is well."""
    yield from _server_problems(settings)
    if "=" not in settings.base or len(settings.issuer) > 500:
        yield _("base must be the name under which people are, such as ou=people,dc=example,dc=org")
    if settings.bind_dn and not settings.bind_password:
        yield _("bind_password is needed with bind_dn")
    if not 0 <= settings.recheck_minutes <= DAY:
        yield _("recheck_minutes must be between 0 and 1440")
    if settings.password_page and not settings.password_page.startswith("https://"):
        yield _("password_page must begin with https://")
    yield from _filter_problems(settings)
    yield from _attribute_problems(settings)


def _server_problems(settings: LdapSettings) -> Iterator[str]:
    found = [server(url) for url in settings.servers]
    if not found or None in found:
        yield _("servers must be addresses such as ldaps://directory.example.org")
    if len(found) > MOST_SERVERS:
        yield _("servers must be %d at most") % MOST_SERVERS
    in_clear = [each for each in found if each and not each.tls and not settings.start_tls]
    if any(each.host not in _LOOPBACK for each in in_clear):
        yield _("start_tls can be off for a server on this machine only: it takes passwords")


def _filter_problems(settings: LdapSettings) -> Iterator[str]:
    for name, text in (
        ("user_filter", settings.user_filter),
        ("group_filter", settings.group_filter),
    ):
        opened, closed = text.count("("), text.count(")")
        if text and (opened != closed or not (text.startswith("(") and text.endswith(")"))):
            yield _("%s must be a filter in brackets") % name
    if settings.user_filter.count(USERNAME) != len(settings.asserted) or not settings.asserted:
        yield _("user_filter must say which attribute equals {username}, such as (uid={username})")
    if settings.group_filter and f"={DN}" not in settings.group_filter:
        yield _("group_filter must say which attribute holds {dn}, such as (member={dn})")
    if settings.group_filter and settings.group_attribute:
        yield _("group_filter and group_attribute: give one of them")
    if settings.nested_groups and not settings.group_filter:
        yield _("nested_groups needs group_filter")
    if settings.allowed_groups and not settings.tells_groups:
        yield _("allowed_groups needs group_attribute or group_filter")


def _attribute_problems(settings: LdapSettings) -> Iterator[str]:
    if not set(settings.claims) <= set(MAPPED):
        yield _("claims may only name: %s") % ", ".join(MAPPED)
    for name in ("claims", "disabled_when"):
        if not all(isinstance(value, str) for value in getattr(settings, name).values()):
            yield _("%s must hold texts only") % name
            return
    named = {
        "id_attribute": (settings.id_attribute,),
        "claims": tuple(settings.claims.values()),
        "public": settings.public,
        "group_attribute": (settings.group_attribute or "x",),
        "group_name": (settings.group_name,),
        "disabled_when": tuple(settings.disabled_when),
    }
    for name, attributes in named.items():
        if not all(map(_ATTRIBUTE.fullmatch, attributes)):
            yield _("%s must name attributes, such as cn") % name

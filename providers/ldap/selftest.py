"""The live self-test of a directory, for operators: each server, then what the settings name."""

import secrets
from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.errors import Misconfigured, TemporarilyUnavailable
from accounts.http import CallFailed, in_words
from accounts.provider import Finding, verdict
from providers.ldap import entries
from providers.ldap.client import CONNECT, SUCCESS, TLS, Connection, Entry, is_installed
from providers.ldap.pool import Pool, Servers, Session
from providers.ldap.settings import LdapSettings

INSTALL = "pip install 'vestibule[ldap]'"
_NO_SUCH = 32


def findings(settings: LdapSettings, servers: Servers) -> Iterator[Finding]:
    """Yield a finding for each thing that a sign-in needs."""
    if not is_installed():
        fix = _("Install it with: %s") % INSTALL
        yield Finding(False, _("The library for LDAP is not installed."), fix)
        return
    for pool in servers.pools:
        try:
            with servers.visit(pool, 60.0) as session:
                yield from _of_server(settings, pool, session)
        except TemporarilyUnavailable as error:
            yield _trouble(error)


def _of_server(settings: LdapSettings, pool: Pool, session: Session) -> Iterator[Finding]:
    own = pool.fresh(session.place)
    try:
        secure = settings.start_tls or pool.server.tls
        said = _("%s answers, with TLS.") if secure else _("%s answers, without TLS.")
        yield Finding(True, said % pool.server.origin)
        yield from _of_people(settings, own, session)
        if settings.group_filter:
            yield _of_groups(settings, own, session)
    finally:
        own.close()


def _of_people(settings: LdapSettings, own: Connection, session: Session) -> Iterator[Finding]:
    base, wanted = settings.base, entries.attributes(settings)
    query = entries.filter_for(settings, secrets.token_hex(8))
    said, _none = own.search(base, query, ["1.1"], session.place, limit=1)
    yield verdict(
        said.code == SUCCESS,
        _("The directory can be searched under %s.") % base,
        _("The directory cannot be searched under %(base)s (%(code)d).")
        % {"base": base, "code": said.code},
        _("Correct base; there is no such entry.")
        if said.code == _NO_SUCH
        else _("Let bind_dn read the entries under base, or give another bind_dn."),
    )
    if said.code != SUCCESS:
        return
    query = entries.filter_for_anybody(settings)
    _said, found = own.search(base, query, wanted, session.place, limit=1)
    yield verdict(
        found,
        _("There are people who could sign in."),
        _("The filter finds nobody: %s") % query,
        _("Correct user_filter, or let bind_dn read the attributes that it compares."),
    )
    for entry in found[:1]:
        yield from _of_attributes(settings, entry)


def _of_attributes(settings: LdapSettings, entry: Entry) -> Iterator[Finding]:
    named = {
        settings.id_attribute: _(
            "Set id_attribute to what never changes of an entry: entryUUID, or objectGUID of "
            "Active Directory."
        ),
        **{name: _("Correct claims.") for name in settings.claims.values()},
    }
    for name, fix in named.items():
        yield verdict(
            entry.attributes.get(name.lower()),
            _("The entry %(dn)s has %(name)s.") % {"dn": entry.dn, "name": name},
            _("The entry %(dn)s shows no %(name)s.") % {"dn": entry.dn, "name": name},
            fix + " " + _("Or let bind_dn read it."),
        )


def _of_groups(settings: LdapSettings, own: Connection, session: Session) -> Finding:
    base = settings.group_base or settings.base
    query = entries.filter_for_members(settings, [settings.base])
    said, _none = own.search(base, query, ["1.1"], session.place, limit=1)
    return verdict(
        said.code == SUCCESS,
        _("Groups can be searched under %s.") % base,
        _("Groups cannot be searched under %(base)s (%(code)d).")
        % {"base": base, "code": said.code},
        _("Correct group_base, or let bind_dn read there."),
    )


def _trouble(error: TemporarilyUnavailable) -> Finding:
    kind = error.kind if isinstance(error, CallFailed) else ""
    fixes = {
        CONNECT: _(
            "Look whether the server runs, and whether a firewall lets this machine through."
        ),
        TLS: _(
            "Give the authority of the server's certificate as ca, and the server by the name "
            "that is in it."
        ),
    }
    if isinstance(error, Misconfigured) and "bind_dn" in error.description:
        fix = _("Correct bind_dn and bind_password.")
    elif isinstance(error, Misconfigured):
        fix = _("Correct the settings of the source.")
    else:
        fix = fixes.get(
            kind, _("Look into the server's log; it must speak LDAP, within five seconds.")
        )
    return Finding(False, in_words(error), fix)

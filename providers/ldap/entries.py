"""From an entry of the directory to a person, and the source's rules about who may come in."""

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_noop as _

from accounts.errors import AccessDenied, Misconfigured, Said
from accounts.models.users import username_key
from accounts.provider import Authentication
from accounts.strength.levels import Strength
from providers.ldap.client import Entry, escaped
from providers.ldap.settings import DN, USERNAME, LdapSettings

GUID = "objectguid"
NOT_ALLOWED = "The person is in none of the allowed groups."
_LONGEST = 300
_LONGEST_SUBJECT = 255
_NAMES = ("displayName", "cn")
# How directories say that somebody is shut out: Active Directory (twice), 389 Directory Server and
# FreeIPA, eDirectory, OpenLDAP's password policy (locked by an administrator).
_BY_FLAG = {"nsaccountlock": "true", "logindisabled": "true"}
_CONTROL, _EXPIRES, _LOCKED = "useraccountcontrol", "accountexpires", "pwdaccountlockedtime"
_ACCOUNT_DISABLED = 2
_FOR_EVER = "000001010000Z"
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)
_RDN = re.compile(r"\s*([A-Za-z0-9.-]+)\s*=\s*((?:\\.|[^\\,+])*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-9a-fA-F]{2})|\\(.)", re.DOTALL)


def attributes(settings: LdapSettings) -> list[str]:
    """Return the attributes that are asked for of a person's entry."""
    named = [settings.id_attribute, *settings.claims.values(), *_NAMES, "mail", *settings.public]
    named += [name for name, _form in settings.asserted]
    named += [_CONTROL, _EXPIRES, _LOCKED, *_BY_FLAG, *settings.disabled_when]
    named += [settings.group_attribute] if settings.group_attribute else []
    return sorted({name.lower() for name in named})


def filter_for(settings: LdapSettings, username: str) -> str:
    """Return the filter that finds a typed name."""
    return settings.user_filter.replace(USERNAME, escaped(username))


def filter_for_members(settings: LdapSettings, names: Iterable[str]) -> str:
    """Return the filter that finds the groups of entries with these names."""
    each = "".join(settings.group_filter.replace(DN, escaped(name)) for name in names)
    return f"(|{each})"


def filter_for_subjects(settings: LdapSettings, subjects: Iterable[str]) -> str:
    """Return the filter that finds those of these people who could sign in.

    Raises `Misconfigured` when what they are known by is not of `id_attribute`.
    """
    name = settings.id_attribute
    try:
        each = "".join(f"({name}={escaped(_raw(name, subject))})" for subject in subjects)
    except ValueError:
        said = Said(_("People are known here by something else than %(name)s."), name=name)
        raise Misconfigured(said) from None
    return f"(&{filter_for_anybody(settings)}(|{each}))"


def filter_for_anybody(settings: LdapSettings) -> str:
    """Return the filter that finds whoever could sign in."""
    return settings.user_filter.replace(USERNAME, "*")


def is_called(settings: LdapSettings, entry: Entry, username: str) -> bool:
    """Tell whether an entry has the typed name as the house compares names, and the lock-out counts
    them. A directory may take `jose` for `josé`, or two blanks for one.
    """
    typed = {
        (name, username_key(form.replace(USERNAME, username))) for name, form in settings.asserted
    }
    held = {(name, username_key(text)) for name, _form in typed for text in entry.texts(name)}
    return bool(typed & held)


def subject(settings: LdapSettings, entry: Entry) -> str:
    """Return what never changes of an entry. Raises `Misconfigured` for one without."""
    values = entry.attributes.get(settings.id_attribute.lower(), ())
    try:
        (raw,) = values
        found = str(uuid.UUID(bytes_le=raw)) if _is_guid(settings.id_attribute) else raw.decode()
    except ValueError:  # none, several, or what is no such value
        found = ""
    if not found or len(found) > _LONGEST_SUBJECT or not found.isprintable():
        template = _("An entry has no %(name)s that names it.")
        raise Misconfigured(Said(template, name=settings.id_attribute))
    return found


def could_be(settings: LdapSettings, entry: Entry, subjects: Iterable[str]) -> set[str]:
    """Return those of `subjects` that an entry without one subject of its own may stand for: those
    whose value it holds, else all of them.
    """
    name, asked = settings.id_attribute, set(subjects)
    held = {value.lower() for value in entry.attributes.get(name.lower(), ())}
    return {each for each in asked if _raw(name, each).lower() in held} or asked


def is_disabled(settings: LdapSettings, entry: Entry, now: datetime) -> bool:
    """Tell whether an entry says that its person is shut out."""
    wanted = {**_BY_FLAG, **{k.lower(): v.lower() for k, v in settings.disabled_when.items()}}
    if any(wanted[name] in map(str.lower, entry.texts(name)) for name in wanted):
        return True
    ends = _number(entry, _EXPIRES)
    return bool(
        _number(entry, _CONTROL) & _ACCOUNT_DISABLED
        or _FOR_EVER in entry.texts(_LOCKED)
        or 0 < ends <= (now - _FILETIME) // timedelta(microseconds=1) * 10
    )


def groups_of(settings: LdapSettings, entries: Iterable[Entry]) -> set[str]:
    """Return what groups are called that were found by a search."""
    if settings.group_name.lower() == "dn":
        return {folded(each.dn) for each in entries}
    return {name for each in entries for name in each.names(settings.group_name)}


def groups_in(settings: LdapSettings, entry: Entry) -> set[str]:
    """Return what the groups are called that the person's own entry names, under `group_base`."""
    names = entry.names(settings.group_attribute)
    under = folded(settings.group_base)
    inside = [dn for dn in names if not under or folded(dn).endswith("," + under)]
    if settings.group_name.lower() == "dn":
        return {folded(dn) for dn in inside}
    return {_relative_name(dn, settings.group_name) or dn for dn in inside}


def as_written(settings: LdapSettings, groups: set[str], written: Iterable[str]) -> set[str]:
    """Return groups, and beside them the names among `written` that mean one of them: a
    distinguished name has many spellings (RFC 4514, 4), and directories show another than ours.
    """
    if settings.group_name.lower() != "dn":
        return groups
    return groups | {each for each in written if folded(each) in groups}


def authentication(
    settings: LdapSettings, entry: Entry, groups: set[str] | None, notice: str = ""
) -> Authentication:
    """Return who an entry is. Raises `AccessDenied` when the source does not let them in."""
    if settings.allowed_groups and not set(settings.allowed_groups) & (groups or set()):
        raise AccessDenied(NOT_ALLOWED)
    email = _whole(entry, settings.claims.get("email", "mail"))
    email = email if "@" in email else ""
    own = {name: _shown(entry, name) for name in settings.public if entry.texts(name)}
    return Authentication(
        subject=subject(settings, entry),
        issuer=settings.issuer,
        name=_first(entry, settings.claims.get("name", ""), *_NAMES),
        username=_whole(entry, settings.claims.get("username", "")),
        email=email,
        email_verified=settings.mail_is_verified and bool(email),
        groups=None if groups is None else tuple(sorted(groups)),
        claims=own,
        public=own,
        acr=Strength.LOW.word,
        amr=("pwd",),
        notice=notice,
    )


def folded(dn: str) -> str:
    """Return a distinguished name (RFC 4514) as it is compared with another."""
    return _printable("".join(each.strip() for each in re.split("([,=+])", dn)).casefold())


def _relative_name(dn: str, attribute: str) -> str:
    """Return the value of `attribute` by which an entry is called at its place (RFC 4514, 3)."""
    found = _RDN.match(dn)
    if not found or found[1].lower() != attribute.lower():
        return ""
    raw = _ESCAPE.sub(_unescaped, found[2].strip().encode())
    return _printable(raw.decode(errors="replace"))


def _printable(text: str) -> str:
    """Return a name with a mark (U+FFFD) in the place of each control character, which databases
    refuse: left out, it would make another group's name of this one.
    """
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else found[2]


def _first(entry: Entry, *names: str) -> str:
    """Return the first value of the first of these attributes that has one."""
    return next((entry.texts(name)[0][:_LONGEST] for name in names if entry.texts(name)), "")


def _whole(entry: Entry, name: str) -> str:
    """Return the first value of an attribute that names somebody: none is cut or cleaned, for what
    is left could be another's name.
    """
    return next((each for each in entry.names(name) if len(each) <= _LONGEST), "")


def _shown(entry: Entry, name: str) -> Any:
    texts = [text[:_LONGEST] for text in entry.texts(name)]
    return texts if len(texts) > 1 else texts[0]


def _number(entry: Entry, name: str) -> int:
    found = _first(entry, name)
    return int(found) if found.isascii() and found.isdecimal() else 0


def _is_guid(attribute: str) -> bool:
    return attribute.lower() == GUID


def _raw(attribute: str, subject: str) -> bytes:
    """Return a subject as the directory holds it. Raises `ValueError` for none."""
    return uuid.UUID(subject).bytes_le if _is_guid(attribute) else subject.encode()

"""From an entry to a person, for directories that no test can start: Active Directory, FreeIPA."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import Misconfigured
from providers.ldap import entries
from providers.ldap.client import Entry, escaped
from providers.ldap.settings import LdapSettings

NOW = datetime(2026, 11, 28, tzinfo=UTC)
GUID = uuid.UUID("d0f4c3b2-1a5e-4f6b-8c7d-9e0f1a2b3c4d")


def settings(**more: Any) -> LdapSettings:
    return LdapSettings(servers=("ldaps://d",), base="dc=example,dc=org", **more)


def entry(**attributes: Any) -> Entry:
    raw = {
        name.lower(): tuple(
            each if isinstance(each, bytes) else each.encode()
            for each in (values if isinstance(values, (list, tuple)) else [values])
        )
        for name, values in attributes.items()
    }
    return Entry("cn=x,dc=example,dc=org", raw)


def test_active_directorys_guid_is_decoded_and_found_again() -> None:
    own = settings(id_attribute="objectGUID", user_filter="(sAMAccountName={username})")
    assert entries.subject(own, entry(objectGUID=GUID.bytes_le)) == str(GUID)
    wanted = "".join(f"\\{each:02x}" for each in b"\xb2\xc3\xf4\xd0")
    asked = entries.filter_for_subjects(own, [str(GUID)])
    assert f"(objectGUID={wanted}" in asked
    assert asked.startswith("(&(sAMAccountName=*)(|")


def test_people_who_are_known_by_something_else_are_not_looked_for() -> None:
    with pytest.raises(Misconfigured):
        entries.filter_for_subjects(settings(id_attribute="objectGUID"), ["alice"])


@pytest.mark.parametrize(
    "wrong", [{}, {"entryUUID": ["a", "b"]}, {"entryUUID": b"\xff"}, {"entryUUID": "x" * 256}]
)
def test_an_entry_that_nothing_names_is_nobody(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        entries.subject(settings(), entry(**wrong))


@pytest.mark.parametrize(
    ("held", "whom"), [(["A", "x"], {"a"}), (["a", "c"], {"a", "c"}), ([], {"a", "b", "c"})]
)
def test_whom_an_entry_of_several_names_may_mean(held: list[str], whom: set[str]) -> None:
    assert entries.could_be(settings(), entry(entryUUID=held), ["a", "b", "c"]) == whom


@pytest.mark.parametrize(
    ("attributes", "is_out"),
    [
        ({}, False),
        ({"userAccountControl": "512"}, False),
        ({"userAccountControl": "514"}, True),
        ({"userAccountControl": "66050"}, True),
        ({"accountExpires": "0"}, False),
        ({"accountExpires": "9223372036854775807"}, False),
        ({"accountExpires": "132223104000000000"}, True),  # 2020
        ({"accountExpires": "138535488000000000"}, False),  # 2040
        ({"accountExpires": "9000000000000000000"}, False),  # later than a calendar counts
        ({"accountExpires": "9" * 40}, False),
        ({"nsAccountLock": "TRUE"}, True),
        ({"nsAccountLock": "FALSE"}, False),
        ({"loginDisabled": "TRUE"}, True),
        ({"pwdAccountLockedTime": "000001010000Z"}, True),
        ({"pwdAccountLockedTime": "20261128000000Z"}, False),
        ({"employeeType": "Left"}, True),
        ({"employeeType": ["left", "staff"]}, True),
    ],
)
def test_who_is_shut_out(attributes: dict[str, Any], is_out: bool) -> None:
    own = settings(disabled_when={"employeeType": "left"})
    assert entries.is_disabled(own, entry(**attributes), NOW) is is_out


@pytest.mark.parametrize(
    ("dn", "name"),
    [
        ("cn=staff,ou=groups,dc=example,dc=org", "staff"),
        ("CN = Town Staff , OU=Groups,DC=example,DC=org", "Town Staff"),
        ("cn=a\\,b\\+c,ou=groups,dc=example,dc=org", "a,b+c"),
        ("cn=\\c3\\a6ble,ou=groups,dc=example,dc=org", "æble"),
        ("ou=units,dc=example,dc=org", "ou=units,dc=example,dc=org"),
    ],
)
def test_what_a_group_is_called(dn: str, name: str) -> None:
    own = settings(group_attribute="memberOf")
    assert entries.groups_in(own, entry(memberOf=dn)) == {name}


def test_groups_count_under_their_base_only_however_it_is_written() -> None:
    own = settings(group_attribute="memberOf", group_base="OU=Groups, DC=example, DC=org")
    held = entry(memberOf=["cn=in,ou=groups,dc=example,dc=org", "cn=out,dc=example,dc=org"])
    assert entries.groups_in(own, held) == {"in"}
    whole = settings(group_attribute="memberOf", group_name="dn")
    assert entries.groups_in(whole, entry(memberOf="CN=In, DC=x")) == {"cn=in,dc=x"}


@given(st.text())
def test_no_character_of_a_name_means_anything_in_a_filter(name: str) -> None:
    name = name.encode("utf-8", "ignore").decode()
    asked = entries.filter_for(settings(user_filter="(uid={username})"), name)
    assert set(asked[5:-1]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789\\"
    )
    assert asked.count("(") == asked.count(")") == 1


@given(st.binary(max_size=40))
def test_a_value_is_escaped_byte_by_byte(raw: bytes) -> None:
    text, back = escaped(raw), bytearray()
    while text:
        size = 3 if text[0] == "\\" else 1
        back.append(int(text[1:3], 16) if size == 3 else ord(text[0]))
        text = text[size:]
    assert bytes(back) == raw


def test_a_person_is_what_the_claims_say() -> None:
    own = settings(claims={"name": "gecos", "username": "uid"}, mail_is_verified=True)
    known = entry(entryUUID="u-1", gecos="Ge\x00cos", cn="Cn", uid="ge", mail=["nobody", "g@d"])
    outcome = entries.authentication(own, known, None)
    assert (outcome.name, outcome.username, outcome.email) == ("Gecos", "ge", "")
    assert (outcome.groups, outcome.email_verified) == (None, False)
    bare = entries.authentication(own, entry(entryUUID="u-2", mail="a@b"), set())
    assert (bare.name, bare.email, bare.email_verified, bare.groups) == ("", "a@b", True, ())


@pytest.mark.parametrize(
    "odd", ["bo\u00adss@d", "bo\0ss@d", "boss@d\n", "boss@d" + " " * 300 + "x"]
)
def test_whoever_has_what_cannot_be_seen_in_their_name_is_nobody_else(odd: str) -> None:
    own = settings(claims={"username": "uid"}, mail_is_verified=True)
    outcome = entries.authentication(own, entry(entryUUID="u-1", uid=odd, mail=odd), None)
    assert (outcome.username, outcome.email, outcome.email_verified) == ("", "", False)


@pytest.mark.parametrize("group", ["cn=a\\00b,ou=groups", "cn=a\\0Ab,ou=groups"])
def test_the_name_of_a_group_holds_no_character_that_a_database_refuses(group: str) -> None:
    """RFC 4514, 2.4: what is escaped in a distinguished name can be any character."""
    own = settings(group_attribute="memberOf")
    assert entries.groups_in(own, entry(memberOf=group)) == {"a\ufffdb"}
    called = settings(group_filter="(member={dn})", group_name="dn")
    assert entries.groups_of(called, [Entry("cn=A\0b,ou=groups", {})]) == {"cn=a\ufffdb,ou=groups"}


@pytest.mark.parametrize(
    "name", ["adm\u200bins", "admi\u00adns", "a\0dmins", "admi\u200dns", "admins\n"]
)
def test_the_name_of_a_group_is_never_what_it_looks_like(name: str) -> None:
    searched = settings(group_filter="(member={dn})")
    held = [entry(cn=[name, "clerks"])]
    assert entries.groups_of(searched, held) == {"clerks"}
    named = settings(group_attribute="memberOf")
    assert entries.groups_in(named, entry(memberOf=[f"cn={name},ou=groups"])) == set()

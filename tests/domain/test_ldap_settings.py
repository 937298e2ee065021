"""What an operator may say of a directory: each wrong setting is named."""

from __future__ import annotations

from typing import Any

import pytest

from providers.ldap.settings import LdapSettings, Server, server

GOOD: dict[str, Any] = {
    "servers": ("ldaps://directory.example.org",),
    "base": "ou=people,dc=example,dc=org",
}


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("ldaps://d.example.org", Server("d.example.org", 636, True)),
        ("ldap://d.example.org", Server("d.example.org", 389, False)),
        ("ldap://[::1]:1389/", Server("::1", 1389, False)),
        ("LDAPS://D.example.org:3269", Server("d.example.org", 3269, True)),
        *((each, None) for each in ("https://d", "ldap://", "ldap://d:x", "ldap://u:p@d", "d:389")),
        *(
            (each, None)
            for each in ("ldap://d/dc=x", "ldap://d?x", "", "ldapi:///x", "ldap://d:0x")
        ),
    ],
)
def test_a_server_is_named_by_its_address(url: str, found: Server | None) -> None:
    assert server(url) == found


def test_an_address_of_ipv6_is_told_apart_from_its_port() -> None:
    assert Server("::1", 389, False).origin == "ldap://[::1]:389"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"servers": ()}, "servers"),
        ({"servers": ("https://x",)}, "servers"),
        ({"servers": ("ldaps://d.example.org",) * 9}, "servers must be 8 at most"),
        ({"base": "people"}, "base"),
        ({"bind_dn": "cn=reader"}, "bind_password"),
        ({"servers": ("ldap://d.example.org",), "start_tls": False}, "start_tls"),
        ({"recheck_minutes": -1}, "recheck_minutes"),
        ({"recheck_minutes": 1441}, "recheck_minutes"),
        ({"password_page": "javascript:x"}, "password_page"),
        ({"user_filter": "uid={username}"}, "user_filter"),
        ({"user_filter": "(uid={username}"}, "user_filter"),
        ({"user_filter": "(uid=alice)"}, "user_filter"),
        ({"user_filter": "(uid=*{username}*)"}, "user_filter"),
        ({"user_filter": "(uid~={username})"}, "user_filter"),
        ({"user_filter": "({username}=x)"}, "user_filter"),
        ({"group_filter": "(member=x)"}, "group_filter"),
        ({"group_filter": "(member={dn})", "group_attribute": "memberOf"}, "group_attribute"),
        ({"nested_groups": True}, "nested_groups"),
        ({"allowed_groups": ("staff",)}, "allowed_groups"),
        ({"id_attribute": "a)(b"}, "id_attribute"),
        ({"claims": {"groups": "memberOf"}}, "claims"),
        ({"claims": {"name": 1}}, "claims"),
        ({"claims": {"name": "c n"}}, "claims"),
        ({"public": ("*",)}, "public"),
        ({"disabled_when": {"a b": "x"}}, "disabled_when"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        LdapSettings(**{**GOOD, **wrong})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_passwords_go_without_tls_on_this_machine_only(host: str) -> None:
    assert LdapSettings(**{**GOOD, "servers": (f"ldap://{host}",)}, start_tls=False)


@pytest.mark.parametrize(
    ("base", "issuer"),
    [
        ("ou=people,dc=example,dc=org", "ldap:///dc=example,dc=org"),
        ("OU=Staff, OU=Town, DC=Example, DC=org", "ldap:///dc=example,dc=org"),
        ("o=Town", "ldap:///o=town"),
    ],
)
def test_the_directory_is_one_wherever_in_it_people_are(base: str, issuer: str) -> None:
    assert LdapSettings(**{**GOOD, "base": base}).issuer == issuer


def test_a_filter_may_compare_several_attributes() -> None:
    both = "(&(objectClass=user)(|(sAMAccountName={username})(userPrincipalName={username}@d.org)))"
    assert LdapSettings(**GOOD, user_filter=both).asserted == (
        ("samaccountname", "{username}"),
        ("userprincipalname", "{username}@d.org"),
    )


def test_no_secret_is_in_the_repr() -> None:
    assert "hidden" not in repr(LdapSettings(**GOOD, bind_dn="cn=x", bind_password="hidden"))

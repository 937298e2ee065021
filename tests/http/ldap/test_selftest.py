"""`sources check` names each fault of a directory, with its fix."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from accounts.provider import Finding
from accounts.source import catalogue
from tests.http.ldap.conftest import Work
from tests.peers.certificates import make_certificates
from tests.peers.site import free_port
from tests.peers.slapd import Directory
from tests.peers.troubled_directory import troubled
from tests.sandbox.directory.slapd import GROUPS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


def faults(row: Any) -> list[Finding]:
    found = catalogue.instance(row).check()
    assert found
    assert all(each.fix for each in found if not each.ok)
    return [each for each in found if not each.ok]


@pytest.mark.parametrize("more", [{}, {"group_filter": "(member={dn})", "group_base": GROUPS}])
def test_all_is_well(work: Work, more: dict[str, Any]) -> None:
    assert faults(work(claims={"name": "cn"}, **more)) == []


def test_each_server_is_tested(work: Work, directory: Directory) -> None:
    (fault,) = faults(work(servers=[directory.plain, f"ldap://127.0.0.1:{free_port()}"]))
    assert "cannot be reached" in fault.message
    assert "firewall" in fault.fix


@pytest.mark.parametrize(
    ("wrong", "message", "fix"),
    [
        ({"bind_password": "wrong"}, "does not take bind_dn", "bind_password"),
        ({"base": "ou=nowhere,dc=example,dc=org"}, "under ou=nowhere", "Correct base"),
        ({"user_filter": "(title={username})"}, "The filter finds nobody", "user_filter"),
        ({"user_filter": "(&(uid={username})(!))"}, "A filter of the source", "settings"),
        ({"id_attribute": "employeeNumber"}, "shows no employeeNumber", "entryUUID"),
        ({"claims": {"name": "title"}}, "shows no title", "claims"),
        ({"ca": "/nowhere.pem"}, "file ca", "settings"),
        (
            {"group_filter": "(member={dn})", "group_base": "ou=nowhere,dc=example,dc=org"},
            "Groups cannot be searched",
            "group_base",
        ),
    ],
)
def test_each_fault_has_its_fix(work: Work, wrong: dict[str, Any], message: str, fix: str) -> None:
    (fault,) = faults(work(**wrong))
    assert message in fault.message
    assert fix in fault.fix


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bind_password": "wrong"}, "godtager ikke bind_dn (49)."),
        ({"user_filter": "(&(uid={username})(!))"}, "Et af kildens filtre"),
        ({"ca": "/nowhere.pem"}, "ingen certifikater, der kan læses"),
    ],
)
def test_why_is_said_in_the_language_of_the_page(
    work: Work, wrong: dict[str, Any], said: str
) -> None:
    with translation.override("da"):
        (fault,) = faults(work(**wrong))
    assert said in fault.message


@pytest.mark.parametrize("tls", [True, False])
def test_a_certificate_that_is_not_trusted(
    work: Work, directory: Directory, tmp_path: Any, tls: bool
) -> None:
    stranger = str(make_certificates(tmp_path, ("localhost",)).authority)
    (fault,) = faults(work(servers=[directory.tls if tls else directory.plain], ca=stranger))
    assert "is not trusted" in fault.message
    assert "authority" in fault.fix


def test_a_name_that_does_not_exist(work: Work) -> None:
    (fault,) = faults(work(servers=["ldaps://directory.nowhere.test"]))
    assert "has no address" in fault.message


def test_a_server_that_is_no_directory(work: Work) -> None:
    with troubled("noise") as url:
        (fault,) = faults(work(servers=[url], start_tls=False, ca=""))
    assert "speak LDAP" in fault.fix

"""Whoever is disabled or gone at the directory is cut off by the worker, and told why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts import cache
from accounts.http.upstreams import FAILURES
from accounts.models import Event
from accounts.session import following
from providers.ldap.directory import MANY
from tests.http.ldap.conftest import Work, enter
from tests.peers import fresh
from tests.peers.slapd import Directory, dn
from tests.sandbox.directory.slapd import GROUPS, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pia(directory: Directory) -> Iterator[str]:
    directory.add(person("pia", "Pia Person", "ldap-pia"))
    yield dn("pia")
    directory.delete(dn("pia"))


def after_a_round() -> None:
    following._asked.clear()
    cache.shared.delete("recheck:work")
    call_command("deliver_outbox", verbosity=0)
    fresh.feed()


def test_whoever_is_disabled_is_cut_off(
    client: Client, work: Work, directory: Directory, pia: str
) -> None:
    work(disabled_when={"employeeType": "left"})
    other = Client()
    enter(client, "pia")
    enter(other, "alice")
    after_a_round()
    assert client.get("/account/").status_code == 200
    directory.modify(pia, employeeType="left")
    after_a_round()
    gone = client.get("/account/")
    assert gone["Location"].endswith("why=closed")
    assert "your account was closed" in client.get(gone["Location"]).content.decode()
    assert other.get("/account/").status_code == 200
    assert "disabled" in Event.objects.get(name="session.ended").detail


def test_whoever_is_gone_is_cut_off_and_whoever_takes_the_name_is_somebody_else(
    client: Client, work: Work, directory: Directory, pia: str
) -> None:
    work()
    enter(client, "pia")
    directory.delete(pia)
    directory.add(person("pia", "Pia the Second", "ldap-pia"))
    after_a_round()
    assert client.get("/auth/session").json()["isLoggedIn"] is False


def test_whoever_left_the_allowed_group_is_cut_off(
    client: Client, work: Work, directory: Directory, pia: str
) -> None:
    staff = f"cn=staff,{GROUPS}"
    directory.modify(staff, member=[dn("alice"), dn("bob"), pia])
    work(group_attribute="memberOf", allowed_groups=["staff"])
    enter(client, "pia")
    after_a_round()
    assert client.get("/account/").status_code == 200
    directory.modify(staff, member=[dn("alice"), dn("bob")])
    after_a_round()
    assert client.get("/account/")["Location"].endswith("why=barred")


def test_all_are_asked_about_by_one_search(work: Work, directory: Directory) -> None:
    work()
    for name in ("alice", "bob", "dave"):
        enter(Client(), name, "pæss wörd*)(\\" if name == "dave" else "")
    directory.operations()
    after_a_round()
    assert [kind for kind, *_name in directory.operations()] == ["SRCH"]


def test_a_directory_that_is_down_ends_nothing(client: Client, work: Work) -> None:
    work()
    enter(client, "alice")
    work(servers=["ldap://127.0.0.1:1"])
    after_a_round()
    assert client.get("/account/").status_code == 200


def test_a_directory_that_shows_nobody_any_more_ends_nothing(
    work: Work, directory: Directory
) -> None:
    people = [person(f"crowd-{number}", "One of many", "ldap-crowd") for number in range(MANY)]
    clients = [Client(REMOTE_ADDR=f"192.0.2.{number + 1}") for number in range(MANY)]
    for entry in people:
        directory.add(entry)
    work()
    for number, client in enumerate(clients):
        assert enter(client, f"crowd-{number}", "ldap-crowd").status_code == 303
    work(user_filter="(&(uid={username})(employeeType=nobody))")
    after_a_round()
    assert all(client.get("/account/").status_code == 200 for client in clients)
    for entry in people:
        directory.delete(entry[0])


def test_an_entry_of_two_names_is_no_word_on_its_person_and_keeps_nobody_else(
    client: Client, work: Work, directory: Directory, pia: str
) -> None:
    ole, other = person("ole", "Ole Person", "ldap-ole"), Client()
    directory.add(ole)
    work(id_attribute="uid", disabled_when={"employeeType": "left"})
    enter(client, "pia")
    enter(other, "ole")
    directory.modify(ole[0], uid=["ole", "oole"])
    directory.modify(pia, employeeType="left")
    after_a_round()
    assert client.get("/account/")["Location"].endswith("why=closed")
    assert other.get("/account/").status_code == 200
    directory.delete(ole[0])


def test_people_whose_entries_are_too_much_for_one_answer_are_asked_about_in_parts(
    work: Work, directory: Directory, settings: Any
) -> None:
    """One of them names so many groups that an answer holds no such entry: it is not judged."""
    groups = tuple(f"cn=app-{number},ou=groups,dc=town,dc=example" for number in range(400))
    held = {"large-1": groups, "large-2": groups[:200], "large-3": groups[:200]}
    entries = [person(name, "x", "large", description=each) for name, each in held.items()]
    clients = {name: Client() for name in held}
    for entry in entries:
        directory.add(entry)
    work(group_attribute="description", disabled_when={"employeeType": "left"})
    for name, client in clients.items():
        assert enter(client, name, "large").status_code == 303
    directory.modify(dn("large-3"), employeeType="left")
    settings.VESTIBULE_HTTP_MAX_BYTES = 14_000
    for _ in range(FAILURES + 1):
        after_a_round()
    settings.VESTIBULE_HTTP_MAX_BYTES = 1024 * 1024
    signed_in = {name: client.get("/account/").status_code for name, client in clients.items()}
    assert signed_in == {"large-1": 200, "large-2": 200, "large-3": 302}
    for entry in entries:
        directory.delete(entry[0])


def test_it_can_be_off(client: Client, work: Work, directory: Directory, pia: str) -> None:
    work(recheck_minutes=0)
    enter(client, "pia")
    directory.operations()
    after_a_round()
    assert directory.operations() == []

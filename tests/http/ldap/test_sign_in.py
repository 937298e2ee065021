"""People of a real directory sign in: by each kind of line, whatever they are called."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Event, Identity, StoredSession, User
from accounts.source import catalogue
from providers.ldap import pool
from tests.http.conftest import at_most
from tests.http.conftest import sign_in as sign_in_locally
from tests.http.ldap.conftest import Work, enter
from tests.peers.slapd import NAMES_OF_GROUPS, Directory, dn
from tests.sandbox.directory.slapd import GROUPS, person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

SEARCHED = {"group_filter": "(member={dn})", "group_base": GROUPS}


def by(directory: Directory, line: str) -> dict[str, Any]:
    return {
        "starttls": {},
        "ldaps": {"servers": [directory.tls]},
        "plain": {"start_tls": False, "ca": ""},
    }[line]


@pytest.mark.parametrize("line", ["starttls", "ldaps", "plain"])
def test_first_time_and_second_time(
    client: Client, work: Work, directory: Directory, line: str
) -> None:
    work(**by(directory, line))
    for _ in range(2):
        assert enter(client, "alice")["Location"] == "/account/"
        told = client.get("/auth/session").json()
        assert (told["type"], told["source"]) == ("ldap", "work")
        assert told["user"]["name"] == "Alice Andersen"
        assert client.post("/auth/logout")["Location"] == "/"
        assert client.get("/auth/session").json()["isLoggedIn"] is False
    (alice,) = User.objects.filter(identities__source__slug="work")
    assert (alice.name, alice.email, alice.has_usable_password()) == (
        *("Alice Andersen", "alice@example.org"),
        False,
    )
    assert Event.objects.filter(name="person.enrolled").count() == 1


@pytest.mark.parametrize(
    ("username", "password", "name"),
    [
        ("søren", "blåbærgrød på ærø", "Søren"),
        ("SØREN ", "blåbærgrød på ærø", "Søren"),
        ("jose\u0301", "ldap-jose", "José Núñez"),  # as some keyboards compose it
        ("dave", "pæss wörd*)(\\", "Dahl, Dave (Jr) *"),
        ("o'b,r(i)a*n\\+<x>", "ldap-brian", 'Brian "#"; O=B'),
        ("eve", "ldap-eve", "Eve Nomail"),
    ],
)
def test_whatever_people_are_called(
    client: Client, work: Work, username: str, password: str, name: str
) -> None:
    work()
    assert enter(client, username, password)["Location"] == "/account/"
    assert client.get("/auth/session").json()["user"]["name"] == name


@pytest.mark.parametrize(
    "username",
    [
        *("*", "a*", "alice)(uid=*", "a)(uid=*", "*)(|(uid=*", "\\00", "\\2a", "alice\\"),
        *("alice,ou=people", "al+ice", '"alice"', "<alice>", "#alice", "alice;", "uid=alice"),
        *("josé ", "jose", "a  lice", "alice\u00ad\u200bx", "ALİCE"),
    ],
)
def test_i01_a_name_is_a_name_and_no_filter(
    client: Client, work: Work, directory: Directory, username: str
) -> None:
    work()
    response = enter(client, username, "ldap-alice")
    assert response.status_code == 400
    assert b"The work account did not accept" in response.content
    assert not Identity.objects.filter(source__slug="work").exists()
    assert {kind for kind, *_name in directory.operations()} <= {"EXT", "BIND", "SRCH"}


def test_an_empty_password_is_refused_before_the_wire(
    client: Client, work: Work, directory: Directory
) -> None:
    work()
    response = client.post("/auth/login/work", {"username": "alice", "password": ""})
    assert response.status_code == 400
    given = {"username": "alice", "password": "", "source": "work"}
    assert client.post("/session/login", given).status_code in {400, 401}
    assert directory.operations() == []


@pytest.mark.parametrize(
    ("username", "password", "status"),
    [
        *(("alice", "wrong", 400), ("nobody", "wrong", 400), ("alice\0", "x", 400)),
        *(("x" * 5000, "x", 400), ("alice", "x" * 5000, 400)),
    ],
)
def test_what_does_not_fit_is_refused_alike(
    client: Client, work: Work, username: str, password: str, status: int
) -> None:
    work()
    assert enter(client, username, password).status_code == status
    assert not StoredSession.objects.exclude(type="anonymous").exists()


def test_the_sentence_names_the_source(client: Client, work: Work) -> None:
    work(columns={"label": "Your work account"})
    known, unknown = enter(client, "alice", "wrong"), enter(client, "nobody", "wrong")
    for response in (known, unknown):
        page = response.content.decode()
        assert "Your work account did not accept what you typed." in page
        assert "username or the password" not in page


def test_unknown_and_known_names_cost_the_same_operations(
    client: Client, work: Work, directory: Directory
) -> None:
    work()
    enter(client, "alice", "wrong")
    seen = []
    for name in ("alice", "nobody", "twin-1"):
        directory.operations()
        enter(client, name, "wrong")
        seen.append([kind for kind, *_name in directory.operations()])
    assert seen == [["SRCH", "BIND"]] * 3


def test_a_name_that_is_alike_takes_nobodys_place(
    client: Client, work: Work, directory: Directory
) -> None:
    directory.add(person("jose", "Jose Nunez", "ldap-other"))
    work(user_filter="(|(uid={username})(cn={username}))")
    assert enter(client, "jose", "ldap-other").status_code == 303
    assert enter(Client(), "josé", "ldap-jose").status_code == 303
    directory.delete(dn("jose"))


def test_a_name_of_two_people_signs_nobody_in(client: Client, work: Work) -> None:
    work(user_filter="(mail={username})")
    assert enter(client, "twins@example.org", "ldap-twin").status_code == 400
    assert enter(client, "alice@example.org", "ldap-alice").status_code == 303


@pytest.mark.parametrize(
    ("username", "reason", "sentence"),
    [
        ("gone", "disabled", "This account has been closed"),
        ("left", "disabled", "This account has been closed"),
        ("reset", "not-authorized", "You must choose a new password before you can go on."),
        ("expired", "not-authorized", "Your password has expired."),
    ],
)
def test_a_password_that_does_not_count_is_told_apart(
    client: Client, work: Work, username: str, reason: str, sentence: str
) -> None:
    work(disabled_when={"employeeType": "left"}, password_page="https://id.example.org/")
    response = enter(client, username)
    assert response.status_code == 403
    assert sentence in response.content.decode()
    assert Event.objects.get(name="login.failed").reason == reason
    if "password" in sentence:
        assert "https://id.example.org/" in response.content.decode()
    given = {"username": username, "password": f"ldap-{username}", "source": "work"}
    refused = client.post("/session/login", given)
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
    assert not StoredSession.objects.exclude(type="anonymous").exists()


@pytest.mark.parametrize("username", ["gone", "left", "reset", "expired"])
def test_nothing_is_told_to_whoever_does_not_know_the_password(
    client: Client, work: Work, username: str
) -> None:
    work(disabled_when={"employeeType": "left"})
    page = enter(client, username, "wrong").content.decode()
    assert "did not accept" in page or username == "gone"  # the server itself says so


def test_a_locked_account_is_told_from_a_wrong_password(client: Client, work: Work) -> None:
    work()
    for _ in range(2):
        assert b"did not accept" in enter(client, "locks", "wrong").content
    assert b"Your account is locked for now" in enter(client, "locks").content


@pytest.mark.parametrize(
    ("username", "sentence"),
    [
        ("grace", "Your password has expired. You can sign in with it"),
        ("soon", "Your password expires within 5 days."),
    ],
)
def test_a_password_that_ends_is_told_once(
    client: Client, work: Work, username: str, sentence: str
) -> None:
    work()
    response = enter(client, username)
    assert sentence in client.get(response["Location"]).content.decode()
    assert sentence not in client.get(response["Location"]).content.decode()


def test_the_lock_out_is_the_one_of_local_passwords(client: Client, work: Work) -> None:
    work()
    statuses = [enter(client, "bob", "wrong").status_code for _ in range(6)]
    assert statuses == [400] * 5 + [429]
    assert enter(client, "bob").status_code == 429
    assert enter(Client(REMOTE_ADDR="192.0.2.7"), "bob").status_code == 303


def test_who_is_asked_again_finds_no_name_that_the_directory_does_not_know(
    client: Client, work: Work
) -> None:
    """The one of our own account is none of the directory's: sent back, it would be a guess."""
    work()
    enter(client, "alice")
    ours = User.objects.get().username
    asked = client.get("/auth/login/work?again=1&strength=low")
    assert asked.context["again"]
    page = asked.content.decode()
    assert ours not in page
    assert 'name="username"' in page
    typed = client.post("/auth/login/work?again=1", {"username": "alice", "password": "wrong"})
    assert 'value="alice"' in typed.content.decode(), "what was typed stays"


def test_an_api_signs_in_at_the_source_that_it_names(client: Client, work: Work) -> None:
    work()
    given = {"username": "alice", "password": "ldap-alice", "source": "work"}
    pair = client.post("/session/login", given).json()
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/auth/session", headers=bearer).json()["type"] == "ldap"
    wrong = client.post("/session/login", {**given, "password": "wrong"})
    nobody = client.post("/session/login", {**given, "username": "nobody"})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()
    assert wrong.json()["error"] == "invalid_grant"
    assert "username or" not in wrong.json()["error_description"]
    elsewhere = client.post("/session/login", {"username": "alice", "password": "ldap-alice"})
    assert elsewhere.status_code == 401  # no password for one source reaches another


def test_the_choice_shows_the_directory_beside_local_passwords(client: Client, work: Work) -> None:
    work(columns={"order": 5})
    page = client.get("/login").content.decode()
    assert 'action="/auth/login/work"' in page
    assert "/auth/login/local" in page


def test_somebody_renamed_is_the_same_person(
    client: Client, work: Work, directory: Directory
) -> None:
    directory.add(person("vera", "Vera Vinter", "ldap-vera"))
    work()
    enter(client, "vera")
    before = User.objects.get(name="Vera Vinter")
    directory.rename(dn("vera"), "uid=vsommer")
    directory.modify(dn("vsommer"), cn="Vera Sommer", mail="sommer@example.org")
    enter(Client(), "vsommer", "ldap-vera")
    before.refresh_from_db()
    assert (before.name, before.email) == ("Vera Sommer", "sommer@example.org")
    directory.delete(dn("vsommer"))
    directory.add(person("vera", "Another Vera", "ldap-other"))
    assert enter(Client(), "vera", "ldap-vera").status_code == 400
    enter(Client(), "vera", "ldap-other")
    assert User.objects.get(name="Another Vera").pk != before.pk
    directory.delete(dn("vera"))


def test_what_the_directory_does_not_say_changes_nothing(
    client: Client, work: Work, directory: Directory
) -> None:
    directory.add(person("maja", "Maja Mus", "ldap-maja"))
    work()
    enter(client, "maja")
    directory.modify(dn("maja"), mail="")
    enter(Client(), "maja")
    assert User.objects.get(name="Maja Mus").email == "maja@example.org"
    directory.delete(dn("maja"))


@pytest.mark.parametrize("how", [{"group_attribute": "memberOf"}, SEARCHED], ids=["own", "search"])
def test_groups_follow_the_directory(
    client: Client, work: Work, directory: Directory, how: dict[str, str]
) -> None:
    work(columns={"groups": {"admins": "Town admins", "staff": "Town staff"}}, **how)
    enter(client, "bob")
    (bob,) = User.objects.filter(identities__source__slug="work")
    assert list(bob.groups.values_list("name", flat=True)) == ["Town staff"]
    bob.groups.add(Group.objects.create(name="Choir"))
    directory.modify(f"cn=staff,{GROUPS}", member=[dn("alice")])
    directory.modify(f"cn=admins,{GROUPS}", member=[dn("alice"), dn("bob")])
    enter(Client(), "bob")
    assert set(bob.groups.values_list("name", flat=True)) == {"Town admins", "Choir"}
    directory.modify(f"cn=staff,{GROUPS}", member=[dn("alice"), dn("bob")])
    directory.modify(f"cn=admins,{GROUPS}", member=[dn("alice")])


def claimed(username: str) -> set[str]:
    (identity,) = Identity.objects.filter(source__slug="work", user__name__icontains=username)
    return set(identity.claimed_groups)


def test_groups_of_groups_may_go_round_in_a_ring(client: Client, work: Work) -> None:
    work(**SEARCHED)
    enter(client, "bob")
    assert claimed("bob") == {"staff", "inner"}
    work(**SEARCHED, nested_groups=True)
    enter(Client(), "bob")
    assert claimed("bob") == {"staff", "inner", "outer", "beyond"}


@pytest.mark.parametrize("how", [{"group_attribute": "memberOf"}, SEARCHED], ids=["own", "search"])
def test_five_hundred_groups(
    client: Client, work: Work, directory: Directory, how: dict[str, str]
) -> None:
    ours = {NAMES_OF_GROUPS[0]: "First", NAMES_OF_GROUPS[-1]: "Last", "staff": "Staff"}
    work(columns={"groups": ours}, **how)
    enter(client, "many")
    (many,) = User.objects.filter(identities__source__slug="work")
    assert set(many.groups.values_list("name", flat=True)) == {"First", "Last"}
    assert len([kind for kind, *_ in directory.operations() if kind == "SRCH"]) <= 2


def test_only_allowed_groups_come_in(client: Client, work: Work) -> None:
    work(group_attribute="memberOf", group_base=GROUPS, allowed_groups=["admins"])
    assert enter(client, "alice").status_code == 303
    refused = enter(Client(), "bob")
    assert refused.status_code == 403
    assert b"none of the groups that may come in" in refused.content


@pytest.mark.parametrize("how", [{"group_attribute": "memberOf"}, SEARCHED])
def test_a_group_counts_by_its_whole_name_however_that_is_written(
    client: Client, work: Work, how: dict[str, str]
) -> None:
    """As administrators copy it from a directory, which writes it in its own way."""
    written = "CN=Admins, OU=Groups,DC=example,DC=org"
    own = {**how, "group_name": "dn", "allowed_groups": [written]}
    row = work(columns={"groups": {written: "Ours"}}, **own)
    assert enter(client, "alice").status_code == 303
    assert Identity.objects.get().user.groups.get().name == "Ours"
    assert enter(Client(), "bob").status_code == 403
    people = [Identity.objects.get().subject]
    assert dict(catalogue.of_session(row.slug).provider.recheck(people)) == {}


def test_groups_elsewhere_in_the_directory_do_not_count(client: Client, work: Work) -> None:
    work(group_attribute="memberOf", group_base="ou=elsewhere,dc=example,dc=org")
    enter(client, "alice")
    assert claimed("alice") == set()


def test_two_sources_never_see_each_others_groups(client: Client, work: Work) -> None:
    work("work", {"groups": {"staff": "Staff of work"}}, group_attribute="memberOf")
    work("club", {"groups": {"admins": "Admins of the club"}}, group_attribute="memberOf")
    enter(client, "alice")
    enter(Client(), "alice", slug="club")
    names = {
        each.source.slug: set(each.user.groups.values_list("name", flat=True))
        for each in Identity.objects.filter(source__provider="ldap")
    }
    assert names == {"work": {"Staff of work"}, "club": {"Admins of the club"}}


def test_claims_public_attributes_and_the_landing_page(client: Client, work: Work) -> None:
    mapped = {"name": "uid", "username": "uid", "email": "mail"}
    work(columns={"after_login": "/account/sessions"}, claims=mapped, public=["uid", "sn"])
    assert enter(client, "alice")["Location"] == "/account/sessions"
    told = client.get("/auth/session").json()
    assert told["user"] == {"name": "alice", "username": "alice"}
    assert (told["uid"], told["sn"]) == ("alice", "Andersen")


def test_new_people_wait_where_the_source_says_so(client: Client, work: Work) -> None:
    work(columns={"require_assignment": True})
    assert enter(client, "alice")["Location"] == "/"
    assert client.get("/auth/session").json()["status"] == "awaiting_access"


def test_a_link_to_a_password_is_not_for_them(client: Client, work: Work) -> None:
    work()
    assert "/login/forgotten" not in client.get("/auth/login/work").content.decode()


def test_what_a_sign_in_costs(client: Client, work: Work, directory: Directory) -> None:
    work(columns={"groups": {"staff": "Staff", "admins": "Admins"}}, **SEARCHED)
    enter(client, "alice")
    directory.operations()
    before = directory.connections()
    for _ in range(10):
        with at_most(12):
            enter(Client(), "alice")
        asked = [kind for kind, *_name in directory.operations()]
        assert asked == ["SRCH", "BIND", "SRCH"]
    assert directory.connections() == before


@pytest.mark.parametrize("limit", ["IDLE_SECONDS", "OLDEST_SECONDS"])
def test_a_connection_is_not_kept_for_ever(
    work: Work, directory: Directory, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    work()
    enter(Client(), "alice")
    before = directory.connections()
    monkeypatch.setattr(pool, limit, 0.0)
    enter(Client(), "alice")
    assert directory.connections() == before + 2


def test_no_password_stands_anywhere(
    client: Client, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    row = work()
    enter(client, "alice", "a-secret-that-is-wrong")
    enter(client, "alice")
    row.refresh_from_db()
    said = caplog.text + str(list(Event.objects.values())) + repr(row.settings)
    for secret in ("a-secret-that-is-wrong", "ldap-alice", "reader-of-the-directory"):
        assert secret not in said


def test_local_passwords_are_what_they_were(client: Client, work: Work, person: User) -> None:
    work()
    assert sign_in_locally(client).status_code == 303
    wrong = sign_in_locally(Client(), password="wrong").content.decode()
    assert "The username or the password is not right." in wrong

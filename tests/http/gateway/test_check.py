"""`/gateway/check`: docs/contract.md 4, docs/gateway.md 1 to 6; attacks H02, H03, H06 and H08."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts import errors
from accounts.models import Event, User
from accounts.session import people
from portal.door import event_words as words
from portal.gateway import decision
from portal.gateway.identity import NAMES
from tests.http.conftest import PASSWORD, at_most, enter, sign_in, stored
from tests.http.gateway.asking import HOST, ask, claim, rule
from tests.http.oauth.application import Application, register
from tests.http.onward import onward
from tests.http.tokens.caller import Caller
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(person: User) -> Client:
    client = Client(raise_request_exception=False)
    sign_in(client)
    return client


def test_a_browser_is_sent_to_sign_in_and_let_in_afterwards(person: User, settings: Any) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    rule("files")
    browser = Client()
    sent = ask(browser, path="/a/b?c=d")
    assert sent.status_code == 302
    there = "http://localhost:8000/login?next=https%3A%2F%2Ffiles.example.org%2Fa%2Fb%3Fc%3Dd"
    assert sent["Location"] == there
    target = "https://files.example.org/a/b?c=d"
    form = {"username": "alice", "password": PASSWORD, "next": target}
    assert onward(browser, browser.post("/auth/login/local", form))["Location"] == target
    assert ask(browser, path="/a/b?c=d").status_code == 200


def test_nginx_gets_the_way_to_sign_in_beside_a_401(person: User, settings: Any) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    rule("files")
    answer = ask(query="?redirect=401")
    assert answer.status_code == 401
    assert answer["Location"].startswith("http://localhost:8000/login?next=")
    assert not answer.has_header("WWW-Authenticate")


def test_an_application_learns_who_asks(alice: Client, person: User) -> None:
    rule("files")
    person.groups.add(Group.objects.create(name="Caseworkers"), Group.objects.create(name="Å, b"))
    answer = ask(alice)
    assert {name: answer[name] for name in NAMES} == {
        "Remote-User": person.uid,
        "Remote-Name": "Alice %C3%85berg",
        "Remote-Email": "alice@example.org",
        "Remote-Groups": "Caseworkers,%C3%85%2C b",
        "X-Session-Type": "local",
        "X-Session-Source": "local",
    }
    assert answer["Cache-Control"] == "no-store"
    assert not answer.has_header("Authorization")


def test_an_address_that_nobody_has_verified_is_not_told(alice: Client, person: User) -> None:
    rule("files")
    User.objects.filter(pk=person.pk).update(email_verified=False)
    assert ask(alice)["Remote-Email"] == ""


def test_h03_an_application_never_hears_the_callers_own_word(alice: Client, person: User) -> None:
    rule("files")
    rule("open", path="/open", access="public", order=1)
    forged = {"Remote-User": "root", "Remote_Groups": "Leaders", "X-Session-Type": "local"}
    assert ask(alice, **forged)["Remote-User"] == person.uid
    public = ask(path="/open", **forged)
    assert [public[name] for name in NAMES] == ["", "", "", "", "anonymous", ""]


def test_h06_a_name_of_many_lines_stays_on_one(person: User) -> None:
    rule("files")
    User.objects.filter(pk=person.pk).update(name="Eve\r\nRemote-User: root\t " + "æ" * 100)
    client = Client()
    sign_in(client)
    answer = ask(client)
    assert answer["Remote-Name"].startswith("Eve%0D%0ARemote-User: root%09 %C3%A6")
    assert answer["Remote-User"] == person.uid


def test_a_dav_client_gets_a_challenge_and_a_body_that_it_reads(person: User) -> None:
    rule("files")
    answer = ask(method="PROPFIND", accept="*/*")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer realm=")
    assert "resource_metadata=" in answer["WWW-Authenticate"]
    assert answer["Content-Type"] == "application/xml; charset=utf-8"
    document = ElementTree.fromstring(answer.content)
    assert document.tag == "{DAV:}error"
    assert document.find("{http://sabredav.org/ns}message") is not None


def test_a_script_gets_no_challenge(person: User) -> None:
    rule("files")
    answer = ask(X_Requested_With="XMLHttpRequest")
    assert answer.status_code == 401
    assert not answer.has_header("WWW-Authenticate")
    assert answer.json()["error"] == "login_required"


def test_a_token_with_the_scope_opens_and_another_does_not(alice: Client, person: User) -> None:
    rule("files")
    wide = Application(register(allowed_scopes="openid gateway"), alice)
    narrow = Application(register("narrow", allowed_scopes="openid profile"), alice)
    wide.sign_in(scope="openid gateway")
    narrow.sign_in(scope="openid profile")
    opened = ask(method="PROPFIND", Authorization=f"Bearer {wide.tokens['access_token']}")
    assert (opened.status_code, opened["Remote-User"]) == (200, person.uid)
    refused = ask(method="PROPFIND", Authorization=f"bearer {narrow.tokens['access_token']}")
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused["WWW-Authenticate"]
    assert 'scope="gateway"' in refused["WWW-Authenticate"]


@pytest.mark.parametrize("token", ["", "x", "vsta_" + "a" * 49, "a.b.c", "æ", "x" * 9000])
def test_a_token_that_nobody_knows_is_invalid(person: User, token: str) -> None:
    rule("files")
    answer = ask(method="PROPFIND", Authorization=f"Bearer {token}")
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_an_application_may_have_tokens_of_its_own_beside_the_cookie(alice: Client) -> None:
    rule("files")
    assert ask(alice, Authorization="Bearer of-the-application").status_code == 200
    assert ask(alice, Authorization="Basic dTpw").status_code == 200


def test_cookie_and_token_of_two_people_are_refused(alice: Client, person: User) -> None:
    rule("files")
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    other = Caller()
    other.login("bob")
    answer = ask(alice, **other.bearer())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_whoever_awaits_access_is_not_let_in(person: User) -> None:
    rule("files")
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    waiting = Client()
    sign_in(waiting)
    assert ask(waiting).status_code == 403
    people.admit(person)
    fresh.feed()
    assert ask(waiting).status_code == 200


def test_an_ended_session_is_nobodys(alice: Client, person: User) -> None:
    rule("files")
    assert ask(alice).status_code == 200
    people.end_all(person.pk, "a test")
    fresh.feed()
    answer = ask(alice)
    assert answer.status_code == 302
    assert not answer.cookies


def test_a_use_behind_the_gateway_is_a_use_of_the_session(alice: Client) -> None:
    rule("files")
    before = stored(alice).last_seen_at
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert ask(alice).status_code == 200
    assert stored(alice).last_seen_at > before + timedelta(minutes=4)


def test_who_joins_or_leaves_a_group_is_known_by_it_at_once(alice: Client, person: User) -> None:
    rule("files", groups=["Caseworkers"])
    for groups, status in ((), 403), (("cw",), 200), ((), 403), (("cw",), 200):
        claim(person, *groups)
        assert ask(alice).status_code == status
        assert ask(alice).status_code == status


@pytest.mark.remembers
def test_a_check_costs_the_sessions_row_alone(alice: Client, person: User) -> None:
    rule("files", groups=["Caseworkers"])
    claim(person, "cw")
    assert ask(alice).status_code == 200
    with at_most(0 if configured.REDIS_URL else 1):
        assert ask(alice).status_code == 200
    with at_most(0):
        assert ask().status_code == 302


def test_a_bearer_check_costs_the_tokens_row_alone(alice: Client) -> None:
    rule("files")
    client = Application(register(allowed_scopes="openid gateway"), alice)
    client.sign_in(scope="openid gateway")
    shown = {"Authorization": f"Bearer {client.tokens['access_token']}"}
    assert ask(method="PROPFIND", **shown).status_code == 200
    with at_most(1):
        assert ask(method="PROPFIND", **shown).status_code == 200


def test_a_fresh_proof_is_given_once_and_leads_back(alice: Client) -> None:
    rule("salaries", "localhost", proof_seconds=60)
    page, there = {"path": "/a", "host": "localhost"}, "https://localhost/a"
    assert ask(alice, **page).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        step_up = ask(alice, **page)["Location"].removeprefix("http://localhost:8000")
        assert step_up == "/login?next=https%3A%2F%2Flocalhost%2Fa&again=1"
        form = alice.get(step_up)["Location"]
        assert form == "/auth/login/local?next=https%3A%2F%2Flocalhost%2Fa&again=1"
        assert alice.get(form).status_code == 200
        sent = {"username": "alice", "password": PASSWORD, "next": there}
        assert onward(alice, alice.post(form, sent))["Location"] == there
        assert ask(alice, **page).status_code == 200


def test_groups_count_as_they_are_now(alice: Client, person: User) -> None:
    rule("desk", groups=["Caseworkers"])
    group = Group.objects.create(name="Caseworkers")
    root = User.objects.create_superuser("root", PASSWORD)
    admin = Client()
    sign_in(admin, "root")
    assert ask(alice).status_code == 403
    page = f"/admin/accounts/user/{person.pk}/change/"
    form = {"username": "alice", "name": "Alice", "email": person.email, "status": "active"}
    for groups, status in (([group.pk], 200), ([], 403), ([group.pk], 200)):
        assert admin.post(page, {**form, "groups": groups}).status_code == 302
        fresh.feed()
        assert ask(alice).status_code == status
    admin.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    fresh.feed()
    assert ask(alice).status_code == 403
    assert root.pk != person.pk


def test_groups_of_the_source_count_with_the_sign_in(tenant: Any, peer: Upstream) -> None:
    tenant(columns={"groups": {"desk": "Caseworkers"}})
    rule("desk", groups=["Caseworkers"])
    first, second = Client(), Client()
    peer.extra = {"groups": ["desk"]}
    enter(first, "town")
    assert ask(first).status_code == 200
    peer.extra = {"groups": []}
    enter(second, "town")
    fresh.feed()
    assert ask(first).status_code == 403


def test_without_a_rule_nobody_comes_in(alice: Client) -> None:
    assert ask(alice).status_code == 403
    rule("off", enabled=False)
    assert ask(alice).status_code == 403
    assert ask().status_code == 403


def test_signing_out_ends_the_applications_own_session(alice: Client) -> None:
    held = [{"name": "app"}, {"name": "cart", "path": "/shop", "domain": "example.org"}]
    rule("files", cookies=[*held, {"name": "gone"}])
    alice.cookies["app"] = alice.cookies["cart"] = alice.cookies["other"] = "1"
    assert not [line for line in ask(alice).items() if line[0] == "Set-Cookie"]
    del alice.cookies["vestibule"]
    told = [value for name, value in ask(alice).items() if name == "Set-Cookie"]
    past = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    assert told == [
        f"app=; Path=/; {past}; Secure; HttpOnly; SameSite=Lax",
        f"cart=; Path=/shop; {past}; Domain=example.org; Secure; HttpOnly; SameSite=Lax",
    ]
    for_nginx = ask(alice, query="?redirect=401")
    assert len([name for name, _value in for_nginx.items() if name == "Set-Cookie"]) == 1


def test_the_storage_is_cleared_only_where_the_operator_wishes_it(person: User) -> None:
    row = rule("files", cookies=[{"name": "app"}])
    assert not ask(Cookie="app=1").has_header("Clear-Site-Data")
    row.delete()
    rule("files", cookies=[{"name": "app"}], clear_storage=True)
    assert ask(Cookie="app=1")["Clear-Site-Data"] == '"storage"'
    assert not ask().has_header("Clear-Site-Data")


def test_a_refusal_is_a_page_for_a_browser_with_a_code_that_the_desk_finds(
    alice: Client, person: User
) -> None:
    rule("desk", path="/desk", groups=["Caseworkers"])
    answer = ask(alice, path="/desk/secret/letter?of=her", Accept_Language="da,en;q=0.5")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert 'lang="da"' in page
    assert "Du har ikke adgang til siden" in page
    assert "http://localhost:8000/static/vestibule.css" in page
    event = Event.objects.get(name="gateway.refused")
    assert event.support_code in page
    assert (event.user, event.reason, event.source) == (person, "group", "local")
    assert event.detail == f"desk: GET {HOST}/desk/..."
    script = ask(alice, path="/desk", Sec_Fetch_Mode="cors")
    assert "Support code" in script.json()["error_description"]
    assert ask(alice, method="PROPFIND", path="/desk").content.startswith(b"<?xml")


def test_the_trail_says_in_words_who_was_not_let_in_and_why(alice: Client) -> None:
    rule("desk", path="/desk", groups=["Caseworkers"])
    assert ask(alice, path="/desk").status_code == 403
    User.objects.create_superuser("root", PASSWORD)
    admin = Client()
    sign_in(admin, "root")
    event = Event.objects.get(name="gateway.refused")
    page = admin.get(f"/admin/accounts/event/{event.pk}/change/").content.decode()
    assert "Not let into an application" in page
    assert "The person is in none of the rule&#x27;s groups." in page


def test_every_refusal_has_its_words() -> None:
    reasons = {decision.NO_RULE, decision.METHOD, decision.UPGRADE, decision.CLOSED}
    reasons |= {decision.AWAITING, decision.SCOPED, decision.BEYOND, decision.TYPE, decision.GROUP}
    reasons |= {each for name, each in vars(errors).items() if name.isupper() and type(each) is str}
    assert reasons <= set(words.REASONS)


def test_strangers_and_one_sessions_many_refusals_do_not_fill_the_trail(alice: Client) -> None:
    rule("closed", access="nobody")
    before = Event.objects.count()
    assert ask().status_code == 403
    assert "Nobody may come in here." in ask().content.decode()
    assert Event.objects.count() == before
    codes = ["Support code" in ask(alice).content.decode() for _ in range(25)]
    assert codes == [True] * 20 + [False] * 5
    assert Event.objects.count() == before + 20


def test_whoever_awaits_access_reads_why(person: User) -> None:
    rule("files")
    User.objects.filter(pk=person.pk).update(status="awaiting_access")
    waiting = Client()
    sign_in(waiting)
    assert "An administrator must give you access first." in ask(waiting).content.decode()


def test_a_refusal_brings_nothing_that_is_about_another_host(alice: Client) -> None:
    rule("files")
    for answer in (ask(), ask(alice), ask(alice, host="other.example.org")):
        foreign = {"Strict-Transport-Security", "X-Frame-Options", "Cross-Origin-Opener-Policy"}
        assert foreign.isdisjoint(dict(answer.items()))
        assert not answer.cookies


def test_a_script_of_a_known_front_end_can_read_a_refusal(settings, person: User) -> None:  # type: ignore[no-untyped-def]
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://go.example.org"]
    rule("files")
    answer = ask(Origin="https://go.example.org", Sec_Fetch_Mode="cors")
    assert answer["Access-Control-Allow-Origin"] == "https://go.example.org"
    assert not ask(Origin="https://evil.example").has_header("Access-Control-Allow-Origin")


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "PROPFIND", "BREW"])
def test_h08_the_question_comes_by_any_method(alice: Client, method: str) -> None:
    rule("files")
    headers = {"X-Original-Method": "GET", "X-Original-URL": f"https://{HOST}/"}
    assert alice.generic(method, "/gateway/check", headers=headers).status_code == 200


def test_h02_a_question_without_a_request_is_refused(alice: Client) -> None:
    rule("files")
    answer = alice.get("/gateway/check")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert alice.get("/gateway/check/private").status_code == 404


def test_who_asks_again_has_a_refusal_written_down_once(alice: Client, person: User) -> None:
    """nginx shows nothing of the first answer."""
    rule("files", access="nobody")
    first = ask(alice, query="?redirect=401&again=1")
    assert (first.status_code, first["Content-Type"]) == (403, "application/json")
    assert not Event.objects.filter(name="gateway.refused").exists()
    assert ask(alice)["Content-Type"].startswith("text/html")
    assert Event.objects.filter(name="gateway.refused").count() == 1

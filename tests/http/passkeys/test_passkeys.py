"""Passkeys: added to an account, used, renamed, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Event, Passkey, Source, SpentChallenge, TotpKey, User
from accounts.session import people
from tests.http.conftest import PASSWORD, enter, sign_in, stored, was_over
from tests.http.onward import onward
from tests.http.passkeys.authenticator import ORIGIN, Authenticator, encoded
from tests.http.passkeys.steps import OPTIONS, PAGE, USE, add, asked, new, send, send_new, use
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
LATER = timedelta(minutes=16)


@pytest.fixture
def alice(person: User) -> Client:
    """Alice's browser, in which she is signed in by her password."""
    browser = Client(headers={"User-Agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0"})
    assert sign_in(browser).status_code == 303
    return browser


@pytest.fixture
def own(alice: Client) -> Authenticator:
    return add(alice)


def code_of(answer: object) -> str:
    """Return the reason on the page to which a refused sign-in leads."""
    place = answer["Location"]  # type: ignore[index]
    assert place.startswith("/login/failed/")
    return Event.objects.get(support_code=place.split("/")[3].partition("?")[0]).reason


def test_a_passkey_is_added_and_told(alice: Client, person: User) -> None:
    options, challenge = new(alice)
    assert options["rp"] == {"id": "localhost", "name": "Vestibule"}
    assert options["attestation"] == "none"
    chosen = options["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert person.uid not in str(options)
    own = Authenticator()
    assert send_new(alice, own.make(options), challenge).status_code == 303
    row = Passkey.objects.get()
    assert (row.user, row.label, row.transports) == (person, "Telephone", ["internal"])
    assert (row.credential_id, row.backup_eligible) == (encoded(own.id), False)
    event = Event.objects.get(name="passkey.added")
    assert (event.user, event.detail, event.actor) == (person, "Telephone", "person")
    fresh.delivered()
    assert [each.to for each in mail.outbox] == [["alice@example.org"]]
    assert "A passkey was added" in mail.outbox[0].subject
    assert "Telephone" in alice.get(PAGE).content.decode()


def test_the_form_suggests_a_name_and_leaves_out_what_is_there(
    alice: Client, own: Authenticator
) -> None:
    use(alice, own)
    options, _challenge = new(alice)
    assert [each["id"] for each in options["excludeCredentials"]] == [encoded(own.id)]
    assert 'value="Chrome, Android"' in alice.get(PAGE).content.decode()


@pytest.mark.parametrize(("synced", "amr"), [(False, "hwk"), (True, "swk")])
def test_a_passkey_signs_in(alice: Client, person: User, synced: bool, amr: str) -> None:
    own = add(alice, Authenticator(synced=synced))
    browser = Client()
    answer = use(browser, own, "/account/sessions")
    assert (answer.status_code, answer["Location"]) == (303, "/account/sessions")
    session = browser.session.typed  # type: ignore[attr-defined]
    assert (session.type, session.source, session.subject) == ("local", "local", person.uid)
    assert (session.acr, tuple(session.amr)) == ("substantial", (amr, "user"))
    assert Passkey.objects.get().used_at is not None
    assert Event.objects.filter(name="login.succeeded", user=person).count() == 2
    assert browser.get("/account/").status_code == 200


def test_the_options_name_nobody(client: Client, own: Authenticator) -> None:
    options = client.post(OPTIONS).json()
    assert options["allowCredentials"] == []
    assert (options["rpId"], options["userVerification"]) == ("localhost", "required")
    assert client.get(OPTIONS).status_code == 405


def test_the_sign_in_page_offers_it_by_a_script(client: Client, house: None) -> None:
    for place in ("/login", "/auth/login/local?next=/account/"):
        page = client.get(place).content.decode()
        assert 'autocomplete="username webauthn"' in page
        form = page.split('data-passkey="use"')[0].rpartition("<form")[2]
        assert " hidden" in form
        assert f'data-origin="{ORIGIN}"' in page
        assert "passkeys.js" in page


def test_u12_a_challenge_counts_once_and_for_its_browser(own: Authenticator) -> None:
    browser, other = Client(), Client()
    challenge = asked(browser)
    answer = own.use(challenge)
    asked(other)
    assert code_of(send(other, answer)) == "expired"
    kept = browser.cookies["vestibule-passkey"].value
    assert send(browser, answer)["Location"] == "/account/"
    browser.post("/auth/logout")
    browser.cookies["vestibule-passkey"] = kept
    assert code_of(send(browser, answer)) == "expired"
    with time_machine.travel(timezone.now() + LATER):
        assert code_of(send(browser, own.use(challenge))) == "expired"


def test_a_replayed_answer_of_a_passkey_that_does_not_count(alice: Client) -> None:
    own, browser = add(alice, Authenticator(synced=True)), Client()
    answer = own.use(asked(browser))
    kept = browser.cookies["vestibule-passkey"].value
    send(browser, answer)
    browser.post("/auth/logout")
    browser.cookies["vestibule-passkey"] = kept
    assert code_of(send(browser, answer)) == "expired"
    assert Passkey.objects.get().suspended_at is None


def test_several_pages_may_be_open_at_once(own: Authenticator) -> None:
    browser = Client()
    first = asked(browser)
    for _ in range(4):
        asked(browser)
    assert send(browser, own.use(first))["Location"] == "/account/"


def test_what_was_spent_is_deleted_when_it_has_expired(own: Authenticator) -> None:
    from accounts.factors import passkeys

    use(Client(), own)
    assert (SpentChallenge.objects.count(), passkeys.clear_expired()) == (2, 0)
    with time_machine.travel(timezone.now() + LATER):
        assert passkeys.clear_expired() == 2


def test_a_form_of_another_session_or_an_old_one_adds_nothing(alice: Client) -> None:
    options, challenge = new(alice)
    again = Client()
    sign_in(again)
    refused = send_new(again, Authenticator().make(options), challenge)
    assert refused.status_code == 400
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert send_new(alice, Authenticator().make(options), challenge).status_code == 400
    assert not Passkey.objects.exists()


def test_at_a_shared_computer_none_is_added(person: User) -> None:
    browser = Client()
    browser.post("/auth/login/local", {"username": "alice", "password": PASSWORD, "shared": "1"})
    page = browser.get(PAGE)
    assert "data-passkey" not in page.content.decode()
    answer = Authenticator().make(json.loads(page.context["options"]))
    assert send_new(browser, answer, page.context["challenge"]).status_code == 403
    assert not Passkey.objects.exists()


def test_adding_and_removing_ask_for_a_recent_sign_in(alice: Client, own: Authenticator) -> None:
    options, challenge = new(alice)
    row = Passkey.objects.get()
    with time_machine.travel(timezone.now() + LATER):
        for form in (
            {"label": "x", "credential": own.make(options), "challenge": challenge},
            {"remove": row.pk},
            {"prove": "1"},
        ):
            answer = onward(alice, alice.post(PAGE, form))
            assert "/auth/login/local?" in answer["Location"], form
            assert "again=1" in answer["Location"]
        page = alice.get(PAGE).content.decode()
        assert 'name="prove"' in page
        assert "data-passkey" not in page
        use(alice, own, PAGE)
        assert alice.post(PAGE, {"remove": row.pk})["Location"] == PAGE
    assert not Passkey.objects.exists()


def test_who_removes_one_is_told_and_it_opens_nothing(
    alice: Client, own: Authenticator, person: User
) -> None:
    use(alice, own)
    alice.post(PAGE, {"remove": Passkey.objects.get().pk})
    assert Event.objects.get(name="passkey.removed").user == person
    fresh.delivered()
    assert any("removed" in each.subject for each in mail.outbox)
    assert code_of(use(Client(), own)) == "passkey"
    assert person.sessions.count() == 1


def test_renamed(alice: Client, own: Authenticator) -> None:
    row = Passkey.objects.get()
    alice.post(PAGE, {"rename": row.pk, "label": "Key ring"})
    assert Passkey.objects.get().label == "Key ring"
    alice.post(PAGE, {"rename": row.pk, "label": ""})
    assert Passkey.objects.get().label == "Key ring"


def test_nobody_touches_what_is_another_persons(alice: Client, own: Authenticator) -> None:
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    mallory, theirs = Client(), str(Passkey.objects.get().pk)
    sign_in(mallory, "mallory")
    for act in ("rename", "remove"):
        for pk in (theirs, "0", "-1", "x", "9" * 30, "1 OR 1=1"):
            told = mallory.post(PAGE, {act: pk, "label": "mine"})
            assert was_over(mallory, told), (act, pk)
    assert Passkey.objects.get().label == "Telephone"


def test_whoever_comes_by_another_service_has_none(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town")
    page = client.get(PAGE)
    assert "another service" in page.content.decode()
    options = {"rp": {"id": "localhost"}, "user": {"id": ""}, "challenge": ""}
    options["challenge"] = _challenge_in(page.context["challenge"], client)
    refused = send_new(client, Authenticator().make(options), page.context["challenge"])
    assert refused["Location"] == PAGE
    assert not Passkey.objects.exists()


def test_a_weak_way_in_makes_no_strong_one(
    own: Authenticator, person: User, tenant: Tenant
) -> None:
    person.identities.create(source=tenant(), subject="bob")
    browser = Client()
    enter(browser, "town", "bob")
    page = browser.get(PAGE)
    assert "then sign in with your username and password" in page.content.decode()
    answer = Authenticator().make(json.loads(page.context["options"]))
    assert send_new(browser, answer, page.context["challenge"])["Location"] == PAGE
    browser.post(PAGE, {"remove": Passkey.objects.get().pk})
    assert Passkey.objects.get().credential_id == encoded(own.id)


def test_who_has_a_second_factor_needs_it_for_a_passkey(alice: Client, person: User) -> None:
    options, challenge = new(alice)
    own = Authenticator()
    answer = own.make(options)
    TotpKey.objects.create(user=person)
    asked_again = onward(alice, send_new(alice, answer, challenge))["Location"]
    assert "strength=substantial" in asked_again
    assert 'name="prove"' in alice.get(PAGE).content.decode()
    assert not Passkey.objects.exists()


def _challenge_in(sealed: str, client: Client) -> str:
    from portal.passkeys import challenges

    return challenges.of_session(sealed, client.session.typed)  # type: ignore[attr-defined]


def test_a_passkey_of_somebody_whose_local_way_in_is_gone(own: Authenticator, person: User) -> None:
    Source.objects.filter(slug="local").update(enroll=True)
    fresh.sources()
    person.identities.all().delete()
    assert code_of(use(Client(), own)) == "passkey"


def test_a_disabled_person_is_told_so(own: Authenticator, person: User) -> None:
    people.disable(person)
    assert code_of(use(Client(), own)) == "disabled"


def test_an_account_has_twenty_at_most(alice: Client, person: User) -> None:
    use(alice, add(alice))
    for number in range(19):
        Passkey.objects.create(user=person, credential_id=f"id{number}", label="x")
    options, challenge = new(alice)
    refused = send_new(alice, Authenticator().make(options), challenge)
    assert refused.status_code == 400
    assert "too many" in refused.content.decode()


def test_u12_a_counter_that_does_not_grow_suspends_it(own: Authenticator, person: User) -> None:
    use(Client(), own, count=7)
    assert code_of(use(Client(), own, count=7)) == "passkey-suspended"
    row = Passkey.objects.get()
    assert (row.sign_count, row.suspended_at is not None) == (7, True)
    assert code_of(use(Client(), own, count=99)) == "passkey-suspended"
    event = Event.objects.get(name="passkey.cloned")
    assert (event.user, event.actor) == (person, "site")
    fresh.delivered()
    assert any("blocked" in each.subject for each in mail.outbox)
    page = Client()
    sign_in(page)
    assert "Blocked" in page.get(PAGE).content.decode()


def test_a_counter_that_stops_counting_suspends_it_too(own: Authenticator) -> None:
    use(Client(), own, count=7)
    assert code_of(use(Client(), own, count=0)) == "passkey-suspended"


def test_somebody_else_is_asked_to_leave_first(own: Authenticator) -> None:
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    browser = Client()
    sign_in(browser, "bob")
    before = stored(browser).uid
    assert "switch=1" in onward(browser, use(browser, own))["Location"]
    assert stored(browser).uid == before


def test_it_proves_again_who_somebody_is(alice: Client, own: Authenticator) -> None:
    before = stored(alice).uid
    with time_machine.travel(timezone.now() + LATER):
        form = alice.get("/auth/login/local?again=1&next=/account/passkeys").content.decode()
        assert 'data-passkey="use"' in form
        assert use(alice, own, PAGE)["Location"] == PAGE
        assert 'name="prove"' not in alice.get(PAGE).content.decode()
        assert stored(alice).uid != before


def test_it_is_as_strong_as_it_is_and_no_stronger(own: Authenticator) -> None:
    browser = Client()
    form = browser.get("/auth/login/local?strength=substantial").content.decode()
    assert 'name="strength" value="substantial"' in form
    refused = send(browser, own.use(asked(browser)), strength="high")
    assert browser.get(refused["Location"]).status_code == 403
    assert not browser.get("/auth/session").json()["isLoggedIn"]
    answer = send(browser, own.use(asked(browser)), strength="substantial", next=PAGE)
    assert answer["Location"] == PAGE
    assert 'name="prove"' not in browser.get(PAGE).content.decode()


def test_linking_by_a_passkey_adds_nothing_of_another_account(
    own: Authenticator, tenant: Tenant
) -> None:
    from portal.door import forms
    from portal.door.incoming import source_or_404

    tenant()
    bob = Client()
    enter(bob, "town")
    link = forms.seal_link(source_or_404("local"), stored(bob).uid)
    refused = send(bob, own.use(asked(bob)), link=link)
    assert code_of(refused) == "not-authorized"
    assert "another account" in bob.get(refused["Location"]).content.decode()


def test_too_many_wrong_answers_cost_a_stranger_the_budget(own: Authenticator) -> None:
    browser = Client(REMOTE_ADDR="192.0.2.9")
    said = [send(browser, "{}").status_code for _ in range(62)]
    assert said[0] == 303
    assert said[-1] == 429
    assert Event.objects.filter(name="login.failed").count() == 1
    for address in ("192.0.2.10", "192.0.2.9"):  # no signature is a guess
        assert use(Client(REMOTE_ADDR=address), own)["Location"] == "/account/"


def test_it_leads_only_to_places_of_ours(own: Authenticator) -> None:
    assert use(Client(), own, "https://evil.example/")["Location"] == "/account/"


def test_password_managers_find_the_page(client: Client, db: None) -> None:
    answer = client.get("/.well-known/passkey-endpoints")
    page = f"{ORIGIN}{PAGE}"
    assert answer.json() == {"enroll": page, "manage": page}
    assert answer["Content-Type"] == "application/json"


def test_a_site_at_an_ip_address_has_none(client: Client, person: User, settings: object) -> None:
    settings.VESTIBULE_SITE_URL = "http://127.0.0.1:8000"  # type: ignore[attr-defined]
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]  # type: ignore[attr-defined]
    assert "passkey" not in client.get("/login").content.decode()
    for place in (USE, OPTIONS):
        assert client.post(place).status_code == 404
    assert client.get("/.well-known/passkey-endpoints").status_code == 404
    sign_in(client)
    assert client.get(PAGE).status_code == 200


def test_a_source_that_is_off_takes_none(own: Authenticator) -> None:
    browser = Client()
    answer = own.use(asked(browser))
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    assert send(browser, answer).status_code == 404

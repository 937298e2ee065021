"""What ends, changes or is taken back at the very moment at which somebody makes use of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import transaction
from django.test import Client

from accounts.login import sign_in
from accounts.models import Event, Identity, Passkey, Source, User
from accounts.provider import Authentication, Visit
from accounts.session import erasure, people
from accounts.session.typed import Session
from accounts.source import catalogue
from portal.authorization_server.models import RefreshToken
from tests.http.conftest import PASSWORD, enter, stored
from tests.http.conftest import sign_in as post_password
from tests.http.gateway.asking import rule
from tests.http.oauth.test_meanwhile import closing, meanwhile, wait_for
from tests.http.onward import onward
from tests.http.passkeys.authenticator import Authenticator
from tests.http.passkeys.steps import new, send_new
from tests.http.test_promotion import promote, staff
from tests.http.tokens.caller import REFRESH, Caller
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def held_up(lock: Callable[[], object], *tasks: Callable[[], Any]) -> list[Any]:
    """Return what the tasks return, which come one after the other to what `lock` holds."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        with transaction.atomic():
            lock()
            begun = []
            for number, task in enumerate(tasks, 1):
                begun.append(pool.submit(closing, task))
                wait_for(number)
        return [each.result(30) for each in begun]


@pytest.mark.parametrize("kind", ["browser", "client"])
def test_who_renews_while_the_reuse_is_found_is_out_too(
    kind: str, person: User, tenant: Tenant, client: Client
) -> None:
    """RFC 9700, 4.14.2: else whoever renews without pause outlives each reuse."""
    tenant()
    own = Caller(client)
    if kind == "browser":
        own.hand_over()
        own.fetch()
    else:
        own.login()
    spent = own.pair["refresh_token"]
    own.refresh()

    def renew(token: str) -> Any:
        return Caller().post(REFRESH, {"refresh_token": token})

    live = RefreshToken.objects.filter(revoked=None).select_for_update()
    thief = partial(renew, own.pair["refresh_token"])
    reuse, renewed = held_up(live.get, partial(renew, spent), thief)
    assert reuse.status_code == 401
    assert renewed.status_code in {200, 401}, "neither waits for the other until one is refused"
    newest = renewed.json().get("refresh_token", own.pair["refresh_token"])
    assert renew(newest).status_code == 401
    assert not RefreshToken.objects.filter(revoked=None).exists()
    assert Event.objects.filter(name="token.reused").exists()


@pytest.mark.parametrize("way", ["passkey", "link"])
def test_who_comes_to_open_the_administration_keeps_no_way_in_that_comes_meanwhile(
    way: str, house: None, tenant: Tenant
) -> None:
    chief = User.objects.create_user("chief", email="chief@example.org", tended=True)
    chief.give_local_identity()
    chief.set_password(PASSWORD)
    chief.save(update_fields=["password"])
    admin, held = staff("ada", is_superuser=True), Client(HTTP_HOST="localhost")
    post_password(held, "chief", PASSWORD)
    tenant(columns={"staff": True})

    def lock() -> None:
        User.objects.select_for_update(no_key=True).get(pk=chief.pk)

    if way == "link":
        started = onward(held, held.post("/account/sign-ins", {"link": "town"}))
        state = parse_qs(urlsplit(started["Location"]).query)["state"][0]
        answer = {"code": "carl", "state": state}
        come = partial(held.get, "/auth/callback/town", answer)
    else:
        options, challenge = new(held)
        come = partial(send_new, held, Authenticator().make(options), challenge)
    page, added = held_up(lock, partial(promote, admin, chief), come)
    assert "must set a password anew" in page
    assert added.status_code in {302, 303}
    assert not Passkey.objects.exists()
    assert not Identity.objects.filter(user=chief, source__slug="town").exists()


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize(
    "change",
    [{"verifies_mail": False}, {"groups": {}}, {"enroll": False}, {"enabled": False}],
    ids=lambda change: "".join(change),
)
def test_what_is_taken_from_a_source_while_it_answers_counts_no_more(
    change: dict[str, Any], known: bool, tenant: Tenant, peer: Upstream
) -> None:
    """Else who is at an upstream that is no longer trusted has it answer slowly."""
    tenant(columns={"verifies_mail": True})
    if known:
        enter(Client(), "town", "bob")
    tenant(columns={"verifies_mail": True, "groups": {"cw": "Caseworkers"}})
    peer.extra = {"email": "mayor@city.example", "email_verified": True, "groups": ["cw"]}
    answer = peer.answer

    def change_it() -> None:
        row = Source.objects.get(slug="town")
        for name, value in change.items():
            setattr(row, name, value)
        catalogue.save(row)

    def take_back(path: str, form: dict[str, str]) -> Any:
        if path == "/token":
            closing(change_it)
        return answer(path, form)

    peer.answer = take_back  # type: ignore[method-assign]
    browser = Client()
    came = enter(browser, "town", "bob")["Location"].startswith("/account/")
    is_refused = "enabled" in change or ("enroll" in change and not known)
    assert came != is_refused
    for bob in User.objects.filter(identities__subject="bob"):
        assert not (bob.email_verified and bob.email and "verifies_mail" in change)
        assert not (bob.groups.exists() and "groups" in change)


@pytest.mark.parametrize("first", ["save", "sign-in"])
def test_a_sign_in_and_the_save_of_its_source_wait_for_each_other(
    first: str, tenant: Tenant
) -> None:
    """Else who signs in without pause is just being signed in by the word of before."""
    tenant(columns={"verifies_mail": True})
    known = Authentication(subject="bob")
    named = replace(known, email="mayor@city.example", email_verified=True)
    town, row = catalogue.find("town"), Source.objects.get(slug="town")
    assert town
    come = [
        partial(sign_in.sign_in, town, each, None, Session(), Visit()) for each in (known, named)
    ]
    come[0]()
    row.verifies_mail = False
    save = partial(catalogue.save, row)
    meanwhile(*((save, come[1]) if first == "save" else (come[1], save)))
    bob = User.objects.get(identities__subject="bob")
    assert (bob.email, bob.email_verified) == ("mayor@city.example", False)


def asking_for_a_pair(browser: Client) -> Callable[[], Any]:
    enter(browser, "town", "bob")
    return partial(browser.get, "/openid/town/login")


def going_to_an_application(browser: Client) -> Callable[[], Any]:
    post_password(browser)
    place = {"rd": "https://files.example.org/", "state": "a" * 64}
    return partial(browser.get, "/gateway/start", place)


def trusting_the_browser(browser: Client) -> Callable[[], Any]:
    post_password(browser)
    return partial(browser.post, "/account/devices", {"trust": "1"})


def adding_a_passkey(browser: Client) -> Callable[[], Any]:
    post_password(browser)
    options, challenge = new(browser)
    return partial(send_new, browser, Authenticator().make(options), challenge)


def erased(person_id: int, why: str) -> None:
    erasure.erase(User.objects.get(pk=person_id), why)


@pytest.mark.parametrize("end", [people.end_all, erased])
@pytest.mark.parametrize(
    "use", [asking_for_a_pair, going_to_an_application, trusting_the_browser, adding_a_passkey]
)
def test_whose_session_ends_at_that_moment_is_led_to_the_sign_in(
    use: Callable[[Client], Callable[[], Any]],
    end: Callable[[int, str], Any],
    person: User,
    tenant: Tenant,
    peer: Upstream,
) -> None:
    tenant()
    rule("files")
    browser = Client(HTTP_HOST="localhost")
    task = use(browser)
    (answer,) = meanwhile(partial(end, stored(browser).user_id, "test"), task)
    assert answer.status_code in {302, 303}
    assert answer["Location"].startswith(("/login?next=", "/onward/", f"{peer.url}/authorize"))

"""Known devices: a new browser is told by mail, and its trust ends when its person says so (U01 and
U32 of docs/threats.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import mail as sent
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.keyring import seal
from accounts.login import new_device
from accounts.models import Event, KnownDevice, Source, User
from accounts.provider import Visit
from accounts.session import devices, dossier, erasure
from portal.door.devices import COOKIE, _key
from tests.http.conftest import PASSWORD, enter, sign_in, was_over
from tests.http.oidc.conftest import parallel
from tests.http.passwords import change
from tests.peers import fresh
from tests.peers.commands import manage
from tests.peers.site import environment

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/account/devices"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1"
Tenant = Callable[..., Source]


@pytest.fixture(autouse=True)
def on(settings: Any) -> None:
    settings.VESTIBULE_NEW_DEVICE_MAIL = True


@pytest.fixture
def known(person: User) -> Client:
    """Give a browser in which Alice has signed in, the first of hers."""
    own = Client(HTTP_USER_AGENT=FIREFOX)
    sign_in(own)
    return own


def mails() -> list[Any]:
    fresh.delivered()
    return list(sent.outbox)


def shown(client: Client) -> list[str]:
    """Return the names of the browsers that the page lists."""
    return re.findall(r"<h2>([^<]+?) ?<", client.get(PAGE).content.decode())


def key_of(client: Client, device: str) -> str:
    page = client.get(PAGE).content.decode()
    found = re.search(rf"<h2>{device}.*?value=\"(\d+)\"", page, re.S)
    assert found, page
    return found[1]


def guess(net: str = "198.51.100") -> None:
    """Let strangers of a network guess at Alice's password until her name is locked."""
    for number in range(24):
        stranger = Client(REMOTE_ADDR=f"{net}.{number // 4}")
        sign_in(stranger, password="wrong")  # that it is wrong is the point


def test_the_first_browser_of_somebody_is_no_news(known: Client) -> None:
    assert mails() == []
    assert KnownDevice.objects.count() == 1
    assert not Event.objects.filter(name="device.new").exists()


def test_another_one_is_told_once(known: Client, person: User) -> None:
    other = Client(HTTP_USER_AGENT=SAFARI, REMOTE_ADDR="192.0.2.7")
    sign_in(other)
    (told,) = mails()
    assert told.to == ["alice@example.org"]
    assert told.subject == "A new sign-in to your account"
    for word in ("Safari, iPhone", "192.0.2.7", "alice", "http://localhost:8000/account/devices"):
        assert word in told.body
    other.post("/auth/logout")
    sign_in(other)
    sign_in(known)
    assert len(mails()) == 1
    met = Event.objects.get(name="device.new")
    assert (met.user, met.detail, met.address) == (person, "Safari, iPhone", "192.0.2.7")


def test_who_deletes_cookies_is_mailed_once_a_day(known: Client) -> None:
    for _visit in range(3):
        sign_in(Client(HTTP_USER_AGENT=SAFARI))
    assert len(mails()) == 1
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        sign_in(Client(HTTP_USER_AGENT=SAFARI))
        assert len(mails()) == 2


def test_an_upstreams_people_are_told_too(tenant: Tenant) -> None:
    tenant()
    enter(Client(HTTP_USER_AGENT=FIREFOX), "town")
    User.objects.update(email="bob@example.org", email_verified=True)
    enter(Client(HTTP_USER_AGENT=SAFARI), "town")
    assert [told.to for told in mails()] == [["bob@example.org"]]


def test_a_known_browser_is_no_news_by_another_way_in(
    known: Client, person: User, tenant: Tenant
) -> None:
    row = tenant()
    row.identities.create(issuer=row.settings["upstream"], subject="bob", user=person)
    for _round in range(2):
        known.post("/auth/logout")
        enter(known, "town")
        known.post("/auth/logout")
        sign_in(known)
    assert mails() == []
    assert not Event.objects.filter(name="device.new").exists()
    assert shown(known) == ["Firefox, Windows"]


def test_who_signs_in_in_somebody_elses_browser_is_told(known: Client, tenant: Tenant) -> None:
    tenant()
    enter(Client(HTTP_USER_AGENT=SAFARI), "town")
    known.post("/auth/logout")
    enter(known, "town")
    assert Event.objects.get(name="device.new").user.username != "alice"
    assert KnownDevice.objects.count() == 3


@pytest.mark.parametrize("why", ["off", "not verified", "no address"])
def test_nobody_is_told_who_should_not_be(
    known: Client, person: User, settings: Any, why: str
) -> None:
    settings.VESTIBULE_NEW_DEVICE_MAIL = why != "off"
    changes = {"not verified": {"email_verified": False}, "no address": {"email": ""}}
    User.objects.filter(pk=person.pk).update(**changes.get(why, {"name": "Alice"}))
    sign_in(Client(HTTP_USER_AGENT=SAFARI))
    assert mails() == []
    assert KnownDevice.objects.count() == 2


@pytest.mark.parametrize("named", ["", "VESTIBULE_MAIL_URL", "VESTIBULE_MAIL_URL_FILE"])
def test_whoever_has_a_mail_server_tells_people_however_it_is_named(
    tmp_path: Path, named: str
) -> None:
    (tmp_path / "mail").write_text("smtp://localhost\n")
    value = str(tmp_path / "mail") if named.endswith("_FILE") else "smtp://localhost"
    env = environment({"VESTIBULE_DATA": str(tmp_path), **({named: value} if named else {})})
    asked = "from accounts import conf; print(conf.new_device_mail())"
    told = manage(["shell", "--no-imports", "-c", asked], env)
    assert told.stdout.strip() == str(bool(named)), told.stderr


def test_a_shared_computer_is_nobodys_device(known: Client) -> None:
    typed = {"username": "alice", "password": PASSWORD, "shared": "1"}
    other = Client(HTTP_USER_AGENT=SAFARI)
    other.post("/auth/login/local", typed)
    assert KnownDevice.objects.count() == 1
    assert COOKIE not in other.cookies
    assert "Trust this browser" not in other.get(PAGE).content.decode()
    assert other.post(PAGE, {"trust": "1"}).status_code == 404


@pytest.mark.parametrize("way", ["the box", "a token pair"])
def test_u32_who_leaves_no_device_behind_is_told_once(
    known: Client, person: User, way: str
) -> None:
    """It may be an intruder with the password who says that the computer is shared."""
    paths = {"the box": "/auth/login/local", "a token pair": "/session/login"}

    def come(agent: str = SAFARI, address: str = "192.0.2.7", word: str = PASSWORD) -> int:
        intruder = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
        typed = {"username": "alice", "password": word}
        box = {"shared": "1"} if way == "the box" else {}
        return int(intruder.post(paths[way], {**typed, **box}).status_code)

    come(word="wrong")
    assert mails() == []
    assert {200, 303} & set(parallel(8, come))
    (told,) = mails()
    for word in ("Safari, iPhone", "192.0.2.7", "browser or a program"):
        assert word in told.body
    met = Event.objects.get(name="device.new")
    assert (met.user, met.detail, met.address) == (person, "Safari, iPhone", "192.0.2.7")
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        come()
        assert len(mails()) == 1, "as long as the trail keeps it"
        come(agent=FIREFOX)
        come(address="192.0.2.8")
        assert len(mails()) == 3  # while the clock is that of the posts, or they are not due
    assert KnownDevice.objects.count() == 1


@pytest.mark.parametrize("path", ["/auth/login/local", "/session/login"])
def test_u32_the_institutions_own_machines_are_no_news(
    known: Client, settings: Any, path: str
) -> None:
    settings.VESTIBULE_SHARED_NETWORKS = [ip_network("10.20.0.0/16")]
    hall = Client(HTTP_USER_AGENT=SAFARI, REMOTE_ADDR="10.20.0.4")
    assert hall.post(path, {"username": "alice", "password": PASSWORD}).status_code in {200, 303}
    assert mails() == []
    assert not Event.objects.filter(name="device.new").exists()


@pytest.mark.parametrize("path", ["/auth/login/local", "/session/login"])
def test_the_first_sign_in_of_somebody_is_no_news_wherever(person: User, path: str) -> None:
    typed = {"username": "alice", "password": PASSWORD, "shared": "1"}
    assert Client(HTTP_USER_AGENT=SAFARI).post(path, typed).status_code in {200, 303}
    assert mails() == []


def test_twenty_sign_ins_of_a_new_browser_at_once_are_one_mail(known: Client) -> None:
    answers = parallel(20, lambda: sign_in(Client(HTTP_USER_AGENT=SAFARI)).status_code)
    assert 303 in answers
    assert len(mails()) == 1


def test_u32_a_trust_that_has_ended_counts_no_more(known: Client, person: User) -> None:
    other = Client(HTTP_USER_AGENT=SAFARI, REMOTE_ADDR="192.0.2.7")
    sign_in(other)
    other.post("/auth/logout")
    guess()
    assert sign_in(Client()).status_code == 429
    assert sign_in(other).status_code == 303, "its own counter"
    assert shown(known) == ["Safari, iPhone", "Firefox, Windows"]
    key = key_of(known, "Safari, iPhone")
    assert known.post(PAGE, {"forget": key})["Location"] == PAGE
    assert shown(known) == ["Firefox, Windows"]
    other.post("/auth/logout")
    guess("203.0.113")
    assert sign_in(other).status_code == 429
    assert was_over(known, known.post(PAGE, {"forget": key}))
    assert Event.objects.filter(name="device.forgotten", user=person).count() == 1


def test_of_twenty_who_end_one_trust_at_once_one_does(known: Client, person: User) -> None:
    pk = KnownDevice.objects.get().pk
    ended = parallel(20, lambda: devices.forget(person.pk, pk, Visit()))
    assert ended.count(True) == 1
    assert Event.objects.filter(name="device.forgotten").count() == 1


@pytest.mark.parametrize("key", ["", "0", "x", "-1", "9" * 40, "\0", "²"])
def test_nobody_ends_what_is_not_theirs(known: Client, key: str) -> None:
    eve = User.objects.create_user("eve", PASSWORD)
    eve.give_local_identity()
    mine = KnownDevice.objects.get()
    browser = Client()
    sign_in(browser, "eve")
    assert was_over(browser, browser.post(PAGE, {"forget": str(mine.pk)}))
    assert was_over(known, known.post(PAGE, {"forget": key}))
    assert KnownDevice.objects.filter(pk=mine.pk).exists()


def test_a_browser_is_trusted_again(known: Client) -> None:
    known.post(PAGE, {"forget": key_of(known, "Firefox, Windows")})
    assert "Trust this browser" in known.get(PAGE).content.decode()
    known.post(PAGE, {"trust": "1"})
    assert "This one" in known.get(PAGE).content.decode()
    known.post("/auth/logout")
    guess()
    assert sign_in(known).status_code == 303
    assert mails() == []


def test_a_browser_of_an_earlier_version_is_no_news(known: Client) -> None:
    other = Client(HTTP_USER_AGENT=SAFARI)
    other.cookies[COOKIE] = seal([[_key("local", "alice"), "A" * 22]], COOKIE)
    sign_in(other)
    assert mails() == []
    assert KnownDevice.objects.count() == 2


def test_a_new_password_ends_the_trust_elsewhere(known: Client, person: User) -> None:
    sign_in(Client(HTTP_USER_AGENT=SAFARI))
    assert change(known).status_code == 303
    assert [row.user_agent for row in devices.of_person(person.pk)] == [FIREFOX]


def test_there_are_so_many_and_no_more(person: User) -> None:
    for number in range(devices.AT_MOST + 5):
        with time_machine.travel(timezone.now() + timedelta(minutes=number), tick=False):
            new_device.meet(person, "", Visit(user_agent=str(number)), "", "")
    assert devices.of_person(person.pk).count() == devices.AT_MOST
    assert devices.of_person(person.pk)[0].user_agent == str(devices.AT_MOST + 4)


def test_what_nobody_uses_is_forgotten(known: Client, person: User) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=181)):
        call_command("clear_expired")
    assert not KnownDevice.objects.exists()


def test_a_person_sees_them_among_their_data_and_takes_them_along(
    known: Client, person: User
) -> None:
    (held,) = [each for each in dossier.of(person) if each.topic == dossier.DEVICE]
    assert held.values["user_agent"] == FIREFOX
    assert "Browsers that you trust" in known.get("/account/data").content.decode()
    erasure.erase(person, "test")
    assert not KnownDevice.objects.exists()

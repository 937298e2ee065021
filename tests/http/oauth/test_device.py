"""The device grant (RFC 8628); attacks D01 to D10 of docs/threats.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import time_machine
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Event, StoredSession, User
from accounts.session import people
from portal.authorization_server import devices, expiry
from portal.authorization_server.devices import ALPHABET, user_code_of
from portal.authorization_server.models import Client, Consent, DeviceGrant
from tests.http.conftest import PASSWORD, at_most, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.at_once import at_once, window
from tests.http.oauth.test_once import signs_in, token
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Device:
    """A television, or a command line: it has no browser."""

    def __init__(self, client: Client) -> None:
        self.app = Application(client)
        self.codes: dict[str, Any] = {}

    def start(self, scope: str = "openid profile email groups") -> dict[str, Any]:
        answer = self.app.post(
            "/oauth/device_authorization", {"scope": scope}, {"User-Agent": "tv/1.0 (living room)"}
        )
        assert answer.status_code == 200, answer.content
        self.codes = answer.json()
        return self.codes

    def poll(self, **changes: str) -> Any:
        fields = {"grant_type": GRANT, "device_code": self.codes.get("device_code", ""), **changes}
        return self.app._keep(self.app.post("/oauth/token", fields))

    def error(self, **changes: str) -> str:
        answer = self.poll(**changes)
        assert answer.status_code == 400, answer.content
        return str(answer.json()["error"])

    def decide(self, browser: Browser, decision: str = "allow") -> Any:
        posted = {"user_code": self.codes["user_code"], "decision": decision}
        return browser.post("/device", posted)


@pytest.fixture
def tv(house: None) -> Device:
    own = Device(register("tv", kind=Client.Kind.DEVICE, redirect_uris="", name="The TV"))
    own.start()
    return own


def test_a_page_from_before_a_sign_in_in_another_tab_asks_anew(tv: Device, person: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    signs_in(browser)
    page = browser.get("/device", {"user_code": tv.codes["user_code"]})
    fields = {"user_code": tv.codes["user_code"], "csrfmiddlewaretoken": token(page)}
    signs_in(browser)
    led = browser.post("/device", {**fields, "decision": "allow"})
    assert led["Location"] == f"/device?user_code={tv.codes['user_code']}"
    assert tv.error() == "authorization_pending"
    page = browser.get(led["Location"])
    fields["csrfmiddlewaretoken"] = token(page)
    assert browser.post("/device", {**fields, "decision": "allow"})["Location"] == "/device/allowed"


def forget_the_interval() -> None:
    fresh.caches()


def test_a_device_is_let_in(tv: Device, browser: Browser, person: User) -> None:
    assert tv.error() == "authorization_pending"
    page = browser.get("/device", {"user_code": tv.codes["user_code"]})
    text = page.content.decode()
    for word in ("The TV", "See your name", tv.codes["user_code"], "tv/1.0", "127.0.0.1", "Alice"):
        assert word in text
    assert not StoredSession.objects.filter(kind="client").exists(), "a look decides nothing"
    done = tv.decide(browser)
    assert done["Location"] == "/device/allowed"
    assert "The device is signed in" in browser.get("/device/allowed").content.decode()
    tokens = tv.poll()
    assert tokens.status_code == 200
    assert {"access_token", "refresh_token", "id_token"} <= tokens.json().keys()
    assert tv.app.userinfo().json()["name"] == "Alice Åberg"
    bearer = {"Authorization": f"Bearer {tv.app.tokens['access_token']}"}
    details = tv.app.back.get("/users/user/details", headers=bearer)
    assert details.json()["User"]["name"] == "alice"
    child = StoredSession.objects.get(kind="client")
    assert (child.label, child.user_agent) == ("The TV", "tv/1.0 (living room)")
    assert tv.app.id_token()["sid"] == child.uid


def test_3_2_what_a_device_is_given(tv: Device) -> None:
    code = tv.codes["user_code"]
    assert (code[4], len(code)) == ("-", 9)
    assert set(code.replace("-", "")) <= set(ALPHABET)
    assert tv.codes["verification_uri"] == "http://localhost:8000/device"
    assert tv.codes["verification_uri_complete"].endswith(f"/device?user_code={code}")
    assert (tv.codes["expires_in"], tv.codes["interval"]) == (1800, 5)
    assert len(tv.codes["device_code"]) >= 43
    assert not DeviceGrant.objects.filter(device_code=tv.codes["device_code"]).exists()


def test_3_5_each_answer_to_a_poll(tv: Device, browser: Browser) -> None:
    """D03."""
    assert tv.poll()["Cache-Control"] == "no-store"
    forget_the_interval()
    assert tv.error() == "authorization_pending"
    tv.decide(browser)
    assert tv.poll().status_code == 200
    assert tv.error() == "invalid_grant"
    tv.start()
    tv.decide(browser, "deny")
    assert tv.error() == "access_denied"
    tv.start()
    with time_machine.travel(timezone.now() + timedelta(seconds=1801)):
        assert tv.error() == "expired_token"
    assert tv.error(device_code="unknown") == "invalid_grant"
    assert tv.app.post("/oauth/token", {"grant_type": GRANT}).json()["error"] == "invalid_request"


@pytest.mark.remembers
def test_3_5_polling_too_fast_grows_the_interval(tv: Device) -> None:
    assert tv.error() == "authorization_pending", "the first poll is never too fast"
    assert [tv.error(), tv.error()] == ["slow_down", "slow_down"]
    assert DeviceGrant.objects.get().interval == 15
    forget_the_interval()
    assert tv.error() == "authorization_pending"


def test_d02_d09_a_device_code_is_its_clients(tv: Device, browser: Browser) -> None:
    tv.decide(browser)
    other = Device(register("other", kind=Client.Kind.DEVICE, redirect_uris=""))
    assert other.error(device_code=tv.codes["device_code"]) == "invalid_grant"
    web = Application(register("web"), browser)
    refused = web.post("/oauth/token", {"grant_type": GRANT, "device_code": "x"})
    assert refused.json()["error"] == "invalid_grant"
    asked = web.post("/oauth/device_authorization", {"scope": "openid"})
    assert asked.json()["error"] == "unauthorized_client"
    nobody = tv.poll(client_id="nobody")
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")
    assert tv.poll().status_code == 200


def test_d09_a_confidential_device_proves_who_it_is(house: None, browser: Browser) -> None:
    row = register(
        "box", kind=Client.Kind.DEVICE, redirect_uris="", auth_method="client_secret_basic"
    )
    box = Device(row)
    box.start()
    box.decide(browser)
    thief = Device(Client(client_id="box"))
    stolen = thief.poll(device_code=box.codes["device_code"])
    assert (stolen.status_code, stolen.json()["error"]) == (401, "invalid_client")
    assert box.poll().status_code == 200


def test_a_code_is_taken_as_people_type_it(tv: Device, browser: Browser) -> None:
    code = tv.codes["user_code"]
    for typed in (
        code.lower(),
        code.replace("-", ""),
        f"  {code[:2]} {code[2:]} ",
        f"{code[:4]}\u2013{code[5:]}",
    ):
        found = browser.post("/device", {"user_code": typed})
        assert found["Location"] == f"/device?user_code={code}"
        assert "The TV" in browser.get(found["Location"]).content.decode()


@pytest.mark.parametrize(
    "typed",
    [
        "A", "AAAA-AAAA", "x" * 10_000, "' OR 1=1--", "BCDF-GHJ", "BCDF-GHJKL",
        "\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e",
        "\uff22\uff23\uff24\uff26\uff27\uff28\uff2a\uff2b", "\ud800",
    ],
)  # fmt: skip
def test_d07_what_is_no_code_is_refused_without_a_look(browser: Browser, typed: str) -> None:
    with at_most(1):
        page = browser.post("/device", {"user_code": typed.encode("utf-8", "replace").decode()})
    assert page.status_code == 400
    assert "That is not a code of ours." in page.content.decode()


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_code(text: str) -> None:
    found = user_code_of(text)
    assert found == "" or (len(found) == 8 and set(found) <= set(ALPHABET))


@given(st.text(alphabet=ALPHABET, min_size=8, max_size=8))
def test_each_code_of_ours_is_read(code: str) -> None:
    assert user_code_of(f" {code[:4].lower()}-{code[4:]} ") == code


@pytest.mark.parametrize(
    "written", [" cgdp - swzb \t", "CGDP\u2013SWZB\u200b", "\u202aCGDP-SWZB\u202c"]
)
def test_a_code_is_read_however_it_was_typed_or_pasted(written: str) -> None:
    assert user_code_of(written) == "CGDPSWZB"


def test_a_code_survives_the_sign_in(tv: Device, person: User) -> None:
    browser, code = Browser(), tv.codes["user_code"]
    start = browser.get("/device", {"user_code": code})
    assert start["Location"].startswith("/login?next=%2Fdevice%3Fuser_code%3D")
    page = browser.get(start["Location"])
    form = page.context["forms"][0]
    posted = {"username": "alice", "password": PASSWORD, "next": form["next"]}
    done = browser.post(form["action"], posted)
    assert "The TV" in browser.get(done["Location"]).content.decode()
    stranger = Browser()
    refused = onward(stranger, stranger.post("/device", {"user_code": code, "decision": "allow"}))
    assert refused["Location"].startswith("/login?")
    assert tv.error() == "authorization_pending"


def test_d10_an_old_code_and_an_unknown_one_are_alike(tv: Device, browser: Browser) -> None:
    tv.decide(browser)
    used = browser.get("/device", {"user_code": tv.codes["user_code"]})
    unknown = browser.get("/device", {"user_code": "BCDF-GHJK"})
    assert (used.status_code, unknown.status_code) == (400, 400)
    assert used.content.decode().count("No device waits for this code.") == 1
    assert unknown.content.decode().count("No device waits for this code.") == 1


def test_who_says_no_turns_the_device_away(tv: Device, browser: Browser) -> None:
    assert tv.decide(browser, "deny")["Location"] == "/device/denied"
    assert tv.error() == "access_denied"
    assert not Consent.objects.exists()
    assert Event.objects.filter(name="device.denied").count() == 1


def test_a_second_answer_tells_what_the_first_did(tv: Device, browser: Browser) -> None:
    tv.decide(browser)
    for decision in ("allow", "deny"):
        assert tv.decide(browser, decision)["Location"] == "/device/allowed"
    assert StoredSession.objects.filter(kind="client").count() == 1
    assert tv.poll().status_code == 200
    used = tv.decide(browser)
    assert used.status_code == 400
    assert "You may have answered already" in used.content.decode()
    tv.start()
    tv.decide(browser, "deny")
    assert tv.decide(browser)["Location"] == "/device/denied"
    assert tv.error() == "access_denied"


def test_somebody_elses_answer_is_not_told(tv: Device, browser: Browser) -> None:
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    other = Browser()
    sign_in(other, "bob")
    tv.decide(browser)
    assert tv.decide(other).status_code == 400


def test_d01_guessing_is_slowed_down(tv: Device, browser: Browser) -> None:
    answers = [browser.get("/device", {"user_code": "BCDF-GHJK"}).status_code for _ in range(25)]
    assert answers[-1] == 429
    assert tv.decide(browser).status_code == 429


def test_d06_a_page_elsewhere_cannot_allow(tv: Device, person: User) -> None:
    browser = Browser(enforce_csrf_checks=True)
    page = browser.get("/login")
    posted = {"username": "alice", "password": PASSWORD}
    token = page.context["csrf_token"]
    browser.post("/auth/login/local", {**posted, "csrfmiddlewaretoken": str(token)})
    assert tv.decide(browser).status_code == 403
    shown = browser.get("/device", {"user_code": tv.codes["user_code"]})
    assert shown["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in shown["Content-Security-Policy"]


def test_d08_who_is_disabled_lets_no_device_in(tv: Device, browser: Browser, person: User) -> None:
    tv.decide(browser)
    people.disable(person)
    assert tv.error() == "invalid_grant"


def test_leaving_the_browser_leaves_the_device(tv: Device, browser: Browser, person: User) -> None:
    tv.decide(browser)
    tv.poll()
    browser.post("/auth/logout")
    assert tv.app.userinfo().status_code == 200
    assert tv.app.refresh().status_code == 200
    other = Browser()
    sign_in(other)
    other.post("/account/sessions", {"end": StoredSession.objects.get(kind="client").uid})
    assert tv.app.userinfo().status_code == 401
    assert tv.app.refresh().json()["error"] == "invalid_grant"


def test_whoever_awaits_access_lets_no_device_in(tv: Device, browser: Browser) -> None:
    User.objects.update(status=User.Status.AWAITING_ACCESS)
    fresh.caches()
    assert tv.decide(browser)["Location"] == "/"
    assert tv.error() == "authorization_pending"


def test_a_poll_costs_one_query_with_many_devices_waiting(tv: Device) -> None:
    tv.error()
    forget_the_interval()
    with at_most(1):
        assert tv.error() == "authorization_pending"


def test_typing_a_code_is_an_index_look_up(tv: Device) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which scans a table of one row
            cursor.execute("SET enable_seqscan = off")
        plan = devices._pending().filter(user_code="BCDFGHJK").explain()
        if connection.vendor == "postgresql":
            cursor.execute("RESET enable_seqscan")
    assert "user_code" in plan, plan
    assert "INDEX" in plan.upper(), plan


def test_the_qr_code_is_a_picture_of_the_address(tv: Device, client: Browser) -> None:
    code = tv.codes["user_code"]
    with at_most(0):
        picture = client.get(f"/device/qr/{code}.svg")
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/svg+xml")
    svg = ElementTree.fromstring(picture.content)
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    size = int(svg.attrib["width"]) // 6
    assert (size - 2 * 4 - 17) % 4 == 0, "a version of QR codes, with its quiet zone"
    assert client.get("/device/qr/BCDF-GHJK.svg").status_code == 200
    for wrong in ("AAAA-AAAA", "x", "BCDF-GHJKL", "..%2f..%2fx"):
        assert client.get(f"/device/qr/{wrong}.svg").status_code == 404


def test_expired_codes_are_cleared(tv: Device, browser: Browser) -> None:
    tv.start()
    tv.decide(browser)
    assert StoredSession.objects.filter(kind="client").exists()
    with time_machine.travel(timezone.now() + timedelta(seconds=1801)):
        assert expiry.clear_expired() == 1
    assert not DeviceGrant.objects.exists()
    assert not StoredSession.objects.filter(kind="client").exists(), "it never came"


def test_a_device_that_is_let_in_at_the_last_moment_has_a_minute(
    tv: Device, browser: Browser
) -> None:
    began = timezone.now()
    with time_machine.travel(began + timedelta(seconds=1795)):
        assert tv.decide(browser)["Location"] == "/device/allowed"
    with time_machine.travel(began + timedelta(seconds=1850)):
        assert tv.poll().status_code == 200


# --- Races ----------------------------------------------------------------------------------------


def test_d04_twenty_polls_during_the_approval_give_one_set_of_tokens(
    tv: Device, browser: Browser
) -> None:
    tv.decide(browser)
    answers = at_once([tv.poll] * 20)
    statuses = sorted(each.status_code for each in answers)
    assert statuses == [200, *[400] * 19]
    refused = {each.json()["error"] for each in answers if each.status_code == 400}
    assert refused <= {"invalid_grant"}


def test_d04_of_twenty_clicks_on_allow_one_counts(tv: Device, browser: Browser) -> None:
    done = at_once(
        [lambda each=each: tv.decide(each) for each in [window(browser) for _ in range(20)]]
    )
    assert {each.get("Location") for each in done} == {"/device/allowed"}
    assert StoredSession.objects.filter(kind="client").count() == 1
    assert Event.objects.filter(name="device.approved").count() == 1


def test_d04_of_two_people_who_approve_at_once_one_does(tv: Device, browser: Browser) -> None:
    bob = User.objects.create_user("bob", PASSWORD, name="Bob")
    bob.give_local_identity()
    other = Browser()
    sign_in(other, "bob")
    done = at_once([lambda: tv.decide(browser), lambda: tv.decide(other)])
    places = sorted(str(each.get("Location", each.status_code)) for each in done)
    assert places == ["/device/allowed", "400"] or places == ["400", "/device/allowed"]
    assert StoredSession.objects.filter(kind="client").count() == 1
    assert tv.poll().status_code == 200
    child = StoredSession.objects.get(kind="client")
    assert child.parent_uid in {stored(browser).uid, stored(other).uid}


def test_one_code_twenty_times(app: Application) -> None:
    code = app.code(scope="openid offline_access")
    answers = at_once([lambda: app.redeem(code)] * 20)
    assert [each.status_code for each in answers].count(200) <= 1
    assert {each.status_code for each in answers} <= {200, 400}
    assert not StoredSession.objects.filter(kind="client").exists(), "all that it gave has ended"

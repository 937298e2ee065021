"""App passwords: Basic for programs that know nothing else (RFC 7617), off by default."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Event, StoredSession, User
from accounts.session import people
from portal.gateway import app_passwords
from portal.gateway.held import AppPassword
from tests.http.conftest import PASSWORD, at_most, sign_in, was_over
from tests.http.gateway.asking import ask, rule
from tests.http.oidc.conftest import parallel
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/account/app-passwords"
DAV = {"method": "PROPFIND", "accept": "*/*"}


@pytest.fixture(autouse=True)
def on(settings: Any) -> None:
    settings.VESTIBULE_APP_PASSWORDS = True


@pytest.fixture(autouse=True)
def files(house: None) -> None:
    rule("files", access="signed_in")


@pytest.fixture
def browser(person: User) -> Client:
    own = Client()
    sign_in(own)
    return own


def make(browser: Client, **changes: Any) -> str:
    """Make an app password on the page, and return what the page shows once."""
    made = browser.post(PAGE, {"name": "Calendar", "days": "90", "place": "", **changes})
    assert (made.status_code, made["Location"]) == (303, PAGE), made.content.decode()
    found = re.search(r"<code>([0-9a-z-]+)</code>", browser.get(PAGE).content.decode())
    assert found
    return found[1]


def basic(password: str, name: str = "alice") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def status(password: str, name: str = "alice", **changes: Any) -> int:
    return int(ask(**{**DAV, **changes}, **basic(password, name)).status_code)


def sent_by_the_page(browser: Client, **changes: Any) -> dict[str, Any]:
    """Return what the form on the page sends, as a browser without JavaScript does."""
    hidden = re.search(r'name="(app-password-offer)" value="([^"]+)"', shown(browser))
    assert hidden
    return {"name": "Calendar", "days": "90", "place": "", hidden[1]: hidden[2], **changes}


def shown(browser: Client) -> str:
    return browser.get(PAGE).content.decode()


def test_a_form_that_is_sent_twice_makes_one_and_shows_it(browser: Client) -> None:
    form = sent_by_the_page(browser)
    passwords = set()
    for _click in range(2):
        assert browser.post(PAGE, form).status_code == 303
        passwords |= set(re.findall(r"<code>([0-9a-z-]+)</code>", shown(browser)))
    assert AppPassword.objects.count() == 1
    (password,) = passwords
    assert status(password) == 200
    assert Event.objects.filter(name="app-password.created").count() == 1
    # Back leads to the same form: what is asked for now is another one.
    for changed in ({"name": "Drive"}, {"place": "files.example.org"}, {"read_only": "on"}):
        browser.post(PAGE, {**form, **changed})
        passwords |= set(re.findall(r"<code>([0-9a-z-]+)</code>", shown(browser)))
    assert len(passwords) == AppPassword.objects.count() == 4


def test_what_was_removed_does_not_come_back_by_its_form(browser: Client) -> None:
    form = sent_by_the_page(browser)
    browser.post(PAGE, form)
    (password,) = re.findall(r"<code>([0-9a-z-]+)</code>", shown(browser))
    browser.post(PAGE, {"end": AppPassword.objects.get().session_id})
    browser.post(PAGE, form)
    assert AppPassword.objects.count() == 1
    assert status(password) == 401
    assert password not in shown(browser)


def test_forms_that_are_sent_at_once_make_one(browser: Client) -> None:
    form = sent_by_the_page(browser)
    cookies = browser.cookies

    def click() -> int:
        own = Client()
        own.cookies = cookies
        return int(own.post(PAGE, form).status_code)

    assert set(parallel(4, click)) == {303}
    assert AppPassword.objects.count() == 1


def test_what_was_typed_stays_while_one_signs_in_again(browser: Client, person: User) -> None:
    form = sent_by_the_page(browser, name="Kalender på ø", days="7", read_only="on")
    with time_machine.travel(timezone.now() + timedelta(minutes=50), tick=True):
        again = onward(browser, browser.post(PAGE, form))
        assert "again=1" in again["Location"]
        sign_in(browser)
        page = shown(browser)
        assert 'value="Kalender på ø"' in page
        assert re.search(r'value="7" selected', page)
        assert re.search(r'name="read_only"[^>]* checked', page)
        browser.post(PAGE, sent_by_the_page(browser))
        assert "Kalender på ø" not in shown(browser)


# --- Off, and the challenge -----------------------------------------------------------------------


def test_off_by_default_there_is_no_page_no_challenge_and_no_way_in(
    browser: Client, settings: Any
) -> None:
    password = make(browser)
    assert b"app-passwords" in browser.get("/account/sessions").content
    settings.VESTIBULE_APP_PASSWORDS = False
    assert browser.get(PAGE).status_code == 404
    assert b"app-passwords" not in browser.get("/account/sessions").content
    assert status(password) == 401
    assert "Basic" not in ask(**DAV)["WWW-Authenticate"]


def test_the_challenge_is_for_programs_alone() -> None:
    assert 'Basic realm="vestibule", charset="UTF-8"' in ask(**DAV)["WWW-Authenticate"]
    assert ask().status_code == 302
    script = ask(accept="*/*", X_Requested_With="XMLHttpRequest")
    assert (script.status_code, "WWW-Authenticate" in script) == (401, False)


def test_nginx_gets_both_challenges_in_one_line() -> None:
    """RFC 9110, 11.6.1 allows a list; auth_request of nginx 1.22 passes on the first line."""
    (line,) = [
        value
        for name, value in ask(**DAV, query="?redirect=401").items()
        if name == "WWW-Authenticate"
    ]
    assert line.startswith("Bearer realm=")
    assert line.endswith(', Basic realm="vestibule", charset="UTF-8"')


# --- In, and out ----------------------------------------------------------------------------------


def test_a_program_gets_in_as_its_person(browser: Client, person: User) -> None:
    answer = ask(**DAV, **basic(make(browser)))
    assert (answer.status_code, answer["Remote-User"]) == (200, person.uid)
    assert answer["X-Session-Type"] == "local"


def test_it_is_typed_as_people_type(browser: Client) -> None:
    password = make(browser)
    for typed in (password.replace("-", ""), password.upper(), password.replace("-", " ")):
        assert status(typed) == 200
    assert status(password, "ALICE") == 200


def test_a_name_may_have_a_colon(house: None) -> None:
    user = User.objects.create_user("urn:alice", PASSWORD)
    user.give_local_identity()
    own = Client()
    sign_in(own, "urn:alice")
    assert status(make(own), "urn:alice") == 200


def test_it_is_another_persons_under_another_name(browser: Client) -> None:
    password = make(browser)
    for name in ("bob", "", "alic", "ålice"):
        assert status(password, name) == 401


@pytest.mark.parametrize(
    "credentials",
    [
        "",
        "=",
        "x" * 9000,
        "YWxpY2U=",
        base64.b64encode(b"\xff\xfe:x").decode(),
        "alice:secret",
        "é",
    ],
)
def test_what_cannot_be_read_is_401_and_costs_no_query(credentials: str) -> None:
    ask(**DAV)
    with at_most(0):
        answer = ask(**DAV, Authorization=f"Basic {credentials}")
    assert answer.status_code == 401


def test_the_persons_own_password_is_none(browser: Client) -> None:
    assert status(PASSWORD) == 401


def test_it_opens_nothing_of_the_site(browser: Client) -> None:
    own, sent = Client(), basic(make(browser))
    assert own.get("/auth/session", headers=sent).json()["isLoggedIn"] is False
    assert own.get("/users/user/details", headers=sent).status_code == 401
    assert own.post("/session/login", headers=sent).status_code == 401
    assert own.get("/account/", headers=sent).status_code == 302


def test_the_cookie_counts_first(browser: Client) -> None:
    assert ask(browser, Authorization="Basic bm9ib2R5Ong=").status_code == 200


# --- Reach ----------------------------------------------------------------------------------------


def test_reading_alone(browser: Client) -> None:
    password = make(browser, read_only="on")
    for method in ("GET", "HEAD", "PROPFIND", "REPORT"):
        assert status(password, method=method) == 200
    for method in ("PUT", "DELETE", "MOVE", "PROPPATCH", "LOCK", "POST"):
        assert status(password, method=method, Destination="/b") == 403
    assert status(password, method="GET", X_HTTP_Method_Override="DELETE") == 403


def test_below_a_path_of_a_host(browser: Client) -> None:
    rule("calendar", "calendar.example.org")
    password = make(browser, place="https://files.example.org/dav/")
    assert status(password, path="/dav/a.txt") == 200
    assert status(password, path="/dav") == 200
    for path in ("/", "/davs", "/dav/../x", "/dav/%2e%2e/x", "/DAV/x", "/dav;/../x"):
        assert status(password, path=path) in {400, 403}, path
    assert status(password, host="calendar.example.org", path="/dav/x") == 403
    told = browser.get("/account/data/export").json()["data"]
    mine = {each["name"]: each["value"] for each in told if each["about"] == "application"}
    place = "files.example.org/dav/"
    assert mine == {"application": "Calendar", "only_at": place, "read_only": False}
    page = browser.get("/account/data").content.decode()
    assert re.search(rf"<dt>Only at this address</dt>\s*<dd>{place}</dd>", page)


def test_beyond_its_reach_a_public_page_knows_nobody(browser: Client) -> None:
    rule("open", path="/open", access="public", order=1)
    password = make(browser, place="files.example.org/dav")
    answer = ask(**DAV, path="/open", **basic(password))
    assert (answer.status_code, answer["Remote-User"]) == (200, "")
    assert answer["X-Session-Type"] == "anonymous"


@pytest.mark.parametrize("place", ["evil.example", "https://", "files.example.org:x", "http://[",
                                   "files.example.org/%00", "..", "a b"])  # fmt: skip
def test_a_place_without_a_rule_is_refused(browser: Client, place: str) -> None:
    page = browser.post(PAGE, {"name": "x", "days": "90", "place": place})
    assert page.status_code == 200
    assert "There is no application here at this address." in page.content.decode()
    assert not AppPassword.objects.exists()


def test_rules_hold_for_it_as_for_its_person(browser: Client) -> None:
    rule("desk", path="/desk", groups=["Desk"], order=1)
    assert status(make(browser), path="/desk") == 403


# --- How it ends ----------------------------------------------------------------------------------


def test_it_expires(browser: Client) -> None:
    password = make(browser, days="7")
    with time_machine.travel(timezone.now() + timedelta(days=6)):
        assert status(password) == 200
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert status(password) == 401


def test_it_outlives_the_browser_and_a_year_without_use(browser: Client) -> None:
    password = make(browser, days="365")
    browser.post("/auth/logout")
    with time_machine.travel(timezone.now() + timedelta(days=300)):
        assert status(password) == 200


def test_its_person_ends_it(browser: Client) -> None:
    password, other = make(browser), make(browser, name="Drive")
    uid = AppPassword.objects.get(session__label="Calendar").session_id
    done = browser.post(PAGE, {"end": uid})
    assert done["Location"] == PAGE
    assert (status(password), status(other)) == (401, 200)
    assert was_over(browser, browser.post(PAGE, {"end": uid}))
    names = set(Event.objects.values_list("name", flat=True))
    assert names >= {"app-password.created", "app-password.revoked"}


@pytest.mark.parametrize("how", ["end", "end all", "disabled", "password", "deleted"])
def test_it_ends_with_everything_else(browser: Client, person: User, how: str) -> None:
    password = make(browser)
    assert status(password) == 200
    if how == "end":
        browser.post("/account/sessions", {"end": AppPassword.objects.get().session_id})
    elif how == "end all":
        browser.post("/account/sessions", {"end": "others"})
    elif how == "disabled":
        people.disable(person)
    elif how == "password":
        people.change_password(person, "another horse battery staple", _visit(), None)
    else:
        person.delete()
    assert status(password) == 401


def test_nobody_ends_anothers(browser: Client) -> None:
    make(browser)
    User.objects.create_user("bob", PASSWORD).give_local_identity()
    other = Client()
    sign_in(other, "bob")
    uid = AppPassword.objects.get().session_id
    assert was_over(other, other.post(PAGE, {"end": uid}))
    assert was_over(other, other.post(PAGE, {"end": "\0"}))
    assert AppPassword.objects.exists()


# --- Who may make one -----------------------------------------------------------------------------


def test_it_needs_a_fresh_sign_in(browser: Client) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert b"Sign in again" in browser.get(PAGE).content
        sent = browser.post(PAGE, {"name": "x", "days": "90"})
        assert onward(browser, sent)["Location"].startswith("/auth/login/local?")
    assert not AppPassword.objects.exists()


def test_strangers_and_those_who_await_access_get_none(browser: Client, person: User) -> None:
    assert Client().get(PAGE)["Location"].startswith("/login?")
    stranger = Client()
    sent = stranger.post(PAGE, {"name": "x", "days": "90"})
    assert onward(stranger, sent)["Location"].startswith("/login?")
    User.objects.update(status="awaiting_access")
    fresh.caches()
    assert browser.post(PAGE, {"name": "x", "days": "90"}).status_code in {302, 303}
    assert not AppPassword.objects.exists()


def test_who_awaits_access_again_is_not_let_in(browser: Client) -> None:
    password = make(browser)
    User.objects.update(status="awaiting_access")
    fresh.caches()
    assert status(password) == 403


def test_there_is_a_limit(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_passwords, "AT_MOST", 2)
    make(browser)
    make(browser)
    page = browser.post(PAGE, {"name": "x", "days": "90"})
    assert "You have too many of them." in page.content.decode()
    assert AppPassword.objects.count() == 2


def test_of_ten_at_once_no_more_are_made_than_the_limit(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_passwords, "AT_MOST", 2)
    cookie = browser.cookies["vestibule"].value

    def one() -> int:
        tab = Client()
        tab.cookies["vestibule"] = cookie
        return int(tab.post(PAGE, {"name": "x", "days": "90"}).status_code)

    assert sorted(parallel(5, one)) == [200, 200, 200, 303, 303]
    assert AppPassword.objects.count() == 2


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"days": "1000"}, {"days": "x"}, {"name": "x" * 101}]
)
def test_a_wrong_form_makes_none(browser: Client, wrong: dict[str, str]) -> None:
    page = browser.post(PAGE, {"name": "x", "days": "90", **wrong})
    assert (page.status_code, b'id="problem"' in page.content) == (200, True)
    assert not AppPassword.objects.exists()


# --- The secret -----------------------------------------------------------------------------------


def test_it_is_shown_once_and_rests_as_a_digest(browser: Client) -> None:
    password = make(browser)
    assert password not in browser.get(PAGE).content.decode()
    held = AppPassword.objects.get()
    assert password.replace("-", "") not in repr(held.__dict__) + repr(held.session.__dict__)
    assert all(password not in each.detail for each in Event.objects.all())
    assert browser.get(PAGE)["Cache-Control"] == "no-store"


def test_last_use_is_shown(browser: Client) -> None:
    password = make(browser)
    assert "Never" in browser.get(PAGE).content.decode()
    status(password)
    text = browser.get(PAGE).content.decode()
    assert "Never" not in text
    assert "127.0.0.1" in text


def test_a_check_is_cheap(browser: Client) -> None:
    password = make(browser)
    status(password)
    with at_most(2):  # the password with its session and person, and the groups
        assert status(password) == 200


# --- Guessing -------------------------------------------------------------------------------------


def test_u01_guesses_of_an_address_end_and_hurt_nobody_who_was_there(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_passwords, "GUESSES", app_passwords.RateLimitItemPerMinute(3, 5))
    password = make(browser)
    for _ in range(3):
        assert status("0" * 25) == 401
    over = ask(**DAV, **basic("0" * 25))
    assert (over.status_code, int(over["Retry-After"]) > 0) == (429, True)
    nginx = ask(**DAV, query="?redirect=401", **basic("0" * 25))
    assert nginx.status_code == 401, "nginx makes a 500 of what is neither 401 nor 403"
    assert status(password) == 200, "its program has been at this address"
    StoredSession.objects.update(address="192.0.2.7")
    assert status(password) == 429, "a guesser who is right at last learns nothing"


def _visit() -> Any:
    from accounts.provider import Visit

    return Visit("127.0.0.1", "")

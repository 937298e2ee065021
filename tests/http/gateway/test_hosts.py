"""Applications on hosts where the site's cookie does not arrive (docs/gateway.md 10)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import StoredSession, User
from accounts.session import people
from portal.gateway.held import HandOff, HostSession
from tests.http.conftest import PASSWORD, sign_in
from tests.http.gateway.asking import ask, rule
from tests.http.gateway.browser import FILES, HOSTS, SITE, WIKI, Browser, forwarded
from tests.http.oidc.conftest import parallel
from tests.http.onward import onward
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture(autouse=True)
def applications(house: None) -> None:
    for host in HOSTS:
        rule(host.partition(".")[0], host)


@pytest.fixture
def browser(person: User) -> Browser:
    """Give a browser in which alice is signed in at the site."""
    own = Browser()
    sign_in(own.site)
    return own


# --- The way --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "arrives"),
    [
        ("/a/b?c=d&e=%C3%A6", "/a/b?c=d&e=%C3%A6"),
        ("/map?" + "layer=a," * 300, "/map"),
        ("/" + "a" * 3000, "/"),
    ],
)
def test_a_stranger_signs_in_on_the_way_and_arrives(person: User, asked: str, arrives: str) -> None:
    browser = Browser()
    url, page = browser.go(f"https://{FILES}{asked}")
    assert page.status_code == 200
    assert url.startswith(f"{SITE}/login?next=")
    goes_on = parse_qs(urlsplit(url).query)["next"][0]
    assert goes_on.startswith("/gateway/start?")
    form = {"username": "alice", "password": PASSWORD, "next": goes_on}
    posted = onward(browser.site, browser.site.post("/auth/login/local", form))
    assert posted["Location"] == goes_on
    url, page = browser.go(SITE + goes_on)
    assert (url, page.status_code) == (f"https://{FILES}{arrives}", 200)
    assert page["Remote-User"] == person.uid


def test_who_is_signed_in_arrives_at_each_of_three_hosts(browser: Browser) -> None:
    for host in HOSTS:
        url, page = browser.go(f"https://{host}/")
        assert (url, page.status_code) == (f"https://{host}/", 200)
    assert HostSession.objects.count() == 3
    assert StoredSession.objects.count() == 1


def test_nothing_is_asked_the_second_time(browser: Browser) -> None:
    browser.go(f"https://{FILES}/")
    assert browser.get(f"https://{FILES}/again").status_code == 200
    assert HostSession.objects.count() == 1


def test_two_tabs_arrive(browser: Browser) -> None:
    codes = [
        browser.until(f"https://{FILES}/{tab}", f"https://{FILES}/.vestibule/accept")
        for tab in ("one", "two")
    ]
    for code, tab in zip(codes, ("one", "two"), strict=True):
        assert browser.go(code)[0] == f"https://{FILES}/{tab}"


def test_the_cookie_there_is_the_hosts_alone(browser: Browser, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    code = browser.until(f"https://{FILES}/", f"https://{FILES}/.vestibule/accept")
    cookie = browser.get(code).cookies["__Host-vestibule-host"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert cookie.value != browser.site.cookies["vestibule"].value


def test_a_cookie_of_one_host_opens_no_other_and_not_the_site(browser: Browser) -> None:
    browser.go(f"https://{FILES}/")
    stolen = browser.jars[FILES].cookies["vestibule-host"].value
    thief = Client()
    thief.cookies["vestibule-host"] = stolen
    assert ask(thief, host=FILES).status_code == 200
    assert ask(thief, host=WIKI).status_code == 302
    for name in ("vestibule-host", "vestibule"):
        thief.cookies[name] = stolen
        assert thief.get("/auth/session").json()["isLoggedIn"] is False
    digested = HostSession.objects.get().digest
    assert stolen not in digested


# --- The code -------------------------------------------------------------------------------------


def code_of(browser: Browser, host: str = FILES) -> str:
    return browser.until(f"https://{host}/", f"https://{host}/.vestibule/accept")


def refused(browser: Browser, url: str) -> None:
    """Hold that a code opens nothing: the browser is led to a page of the site that says so."""
    before = HostSession.objects.count()
    answer = browser.get(url)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{SITE}/gateway/start?")
    assert "vestibule-host" not in answer.cookies
    assert HostSession.objects.count() == before


def test_s15_it_counts_once(browser: Browser) -> None:
    url = code_of(browser)
    assert browser.get(url).status_code == 303
    refused(browser, url)


def test_of_ten_at_once_one_wins(browser: Browser) -> None:
    url = code_of(browser)
    cookie = browser.jars[FILES].cookies["vestibule-start"].value
    path = urlsplit(url).path + "?" + urlsplit(url).query

    def one() -> int:
        tab = Client()
        tab.cookies["vestibule-start"] = cookie
        return int(tab.get(path, headers=forwarded(FILES)).status_code)

    assert sorted(parallel(10, one)) == [302] * 9 + [303]
    assert HostSession.objects.count() == 1


def test_s15_it_is_worth_nothing_in_another_browser(browser: Browser) -> None:
    url, other = code_of(browser), Browser()
    refused(other, url)
    refused(browser, url)


def test_s04_a_way_that_an_attacker_began_ends_with_nobody(browser: Browser) -> None:
    """An attacker's own code, opened by somebody else, signs nobody in as the attacker."""
    User.objects.create_user("mallory", PASSWORD).give_local_identity()
    mallory = Browser()
    sign_in(mallory.site, "mallory")
    victim = Browser()
    victim.get(f"https://{FILES}/.vestibule/start?rd=/")
    refused(victim, code_of(mallory))


def test_it_is_for_its_host_alone(browser: Browser) -> None:
    url = code_of(browser)
    browser.get(f"https://{WIKI}/.vestibule/start?rd=/")
    browser.jars[WIKI].cookies["vestibule-start"] = (
        browser.jars[FILES].cookies["vestibule-start"].value
    )
    refused(browser, url.replace(FILES, WIKI))


def test_it_ends_after_two_minutes(browser: Browser) -> None:
    url = code_of(browser)
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        refused(browser, url)


def test_it_ends_with_the_session(browser: Browser) -> None:
    url = code_of(browser)
    browser.site.post("/auth/logout")
    refused(browser, url)
    assert not HandOff.objects.exists()


def test_junk_is_no_code(browser: Browser) -> None:
    browser.get(f"https://{FILES}/.vestibule/start?rd=/")
    for query in ("", "?code=", "?code=x", "?code=%00", "?code=" + "x" * 5000, "?code=%ff"):
        refused(browser, f"https://{FILES}/.vestibule/accept{query}")


def test_it_is_not_kept_in_the_clear(browser: Browser) -> None:
    code = parse_qs(urlsplit(code_of(browser)).query)["code"][0]
    assert code not in repr(HandOff.objects.values())


def test_who_goes_round_in_circles_is_stopped(browser: Browser) -> None:
    state = "0" * 64
    path = f"/gateway/start?rd=https://{FILES}/&state={state}"
    codes = {browser.site.get(path).status_code for _ in range(61)}
    assert codes == {302, 429}


def test_a_browser_without_cookies_is_told(browser: Browser) -> None:
    url = code_of(browser)
    browser.jars[FILES].cookies.clear()
    url, page = browser.go(url)
    assert (page.status_code, page["Cache-Control"]) == (400, "no-store")
    text = page.content.decode()
    assert FILES in text
    again = re.search(r'class="button" href="([^"]*)"', text)
    assert again
    assert browser.go(again[1])[0] == f"https://{FILES}/"


# --- How it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["leave", "end all", "disabled", "expired"])
def test_signing_out_at_the_site_is_signing_out_at_each_host(
    browser: Browser, person: User, how: str
) -> None:
    for host in HOSTS:
        browser.go(f"https://{host}/")
    later = timedelta()
    if how == "leave":
        browser.site.post("/auth/logout")
    elif how == "end all":
        people.end_all(person.pk, "test")
    elif how == "disabled":
        people.disable(person)
    else:
        later = timedelta(hours=9)
    with time_machine.travel(timezone.now() + later):
        for host in HOSTS:
            assert browser.get(f"https://{host}/").status_code == 302


def test_use_at_a_host_keeps_the_session_alive(browser: Browser) -> None:
    browser.go(f"https://{FILES}/")
    for hours in (7, 14):
        with time_machine.travel(timezone.now() + timedelta(hours=hours)):
            assert browser.get(f"https://{FILES}/").status_code == 200


def test_a_fresh_sign_in_takes_the_hosts_along(browser: Browser) -> None:
    browser.go(f"https://{FILES}/")
    sign_in(browser.site)
    assert browser.get(f"https://{FILES}/").status_code == 200


def test_a_rule_that_wants_a_fresh_proof_gets_one(browser: Browser) -> None:
    rule("safe", FILES, path="/safe", proof_seconds=60, order=1)
    browser.go(f"https://{FILES}/")
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        url, _page = browser.go(f"https://{FILES}/safe/x")
        assert url.startswith(f"{SITE}/auth/login/local?")
        goes_on = parse_qs(urlsplit(url).query)["next"][0]
        form = {"username": "alice", "password": PASSWORD, "next": goes_on}
        onward(browser.site, browser.site.post("/auth/login/local", form))
        url, page = browser.go(SITE + goes_on)
        assert (url, page.status_code) == (f"https://{FILES}/safe/x", 200)


def test_a_rule_that_wants_a_stronger_sign_in_asks_for_it_on_the_way(browser: Browser) -> None:
    rule("safe", FILES, path="/safe", strength="substantial", order=1)
    browser.go(f"https://{FILES}/")
    url, page = browser.go(f"https://{FILES}/safe/x")
    assert url.startswith(f"{SITE}/auth/login/local?")
    assert parse_qs(urlsplit(url).query)["strength"] == ["substantial"]
    assert "stronger sign-in than a password" in page.content.decode()
    assert HandOff.objects.count() == 0, "no code is given for what the session does not open"


def test_a_stranger_is_asked_for_the_stronger_sign_in_at_once(person: User) -> None:
    rule("safe", FILES, path="/safe", strength="substantial", order=1)
    for path, wanted in (("/safe/x", ["substantial"]), ("/", None)):
        url, _page = Browser().go(f"https://{FILES}{path}")
        query = parse_qs(urlsplit(url).query)
        assert urlsplit(url).path == "/login"
        assert query.get("strength") == wanted


def test_who_awaits_access_is_handed_over_to_nobody(browser: Browser) -> None:
    User.objects.update(status="awaiting_access")
    fresh.caches()
    assert browser.go(f"https://{FILES}/")[0] == f"{SITE}/"
    assert not HandOff.objects.exists()


# --- Where it leads -------------------------------------------------------------------------------

ELSEWHERE = [
    "", "/", "//evil.example", "https://evil.example/", "https://files.example.org.evil.example/",
    "https://evil.example@files.example.org/", "https://files.example.org@evil.example/",
    "https://files.example.org:9999/", "https://files.example.org:x/", "https://files.example.org:/",
    "https:files.example.org", "https:/files.example.org", "https:///files.example.org",
    "https://files.example.org\\@evil.example/", "https://files.example.org\\evil.example",
    "https://files.example.org#@evil.example", "https://files.example.org?@evil.example",
    "https://FILES.example.org/", "HTTPS://files.example.org/", " https://files.example.org/",
    "https://files.example.org/\t", "https://files.example.org/\r\nX: y",
    "https://files.example.org/a b",
    "javascript:alert(1)//files.example.org/", "data:text/html,x", "ftp://files.example.org/",
    "https://evil.example/.files.example.org", "https://example.org/",
    "https://xfiles.example.org/",
    "https://files.example.org%2eevil.example/", "https://%66iles.example.org/",
    "https://files.example.org\u3002evil.example/", "https://f\u0131les.example.org/",
    "http://[::1]/",
    "https://files.example.org/%zz", "https://files.example.org/\u2028", "https://localhost:8000.evil/",
    "https://files.example.org/" + "a" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("url", ELSEWHERE)
def test_r26_nobody_is_led_elsewhere(browser: Browser, url: str) -> None:
    for extra in ({}, {"state": "0" * 64}, {"failed": "1"}):
        answer = browser.site.get("/gateway/start", {"rd": url, **extra})
        assert (answer.status_code, "Location" in answer) == (400, False)
    assert not HandOff.objects.exists()


def test_an_address_is_named_once(browser: Browser) -> None:
    assert browser.site.get("/gateway/start").status_code == 400
    both = {"rd": [f"https://{FILES}/", "https://evil.example/"]}
    assert browser.site.get("/gateway/start", both).status_code == 400


@pytest.mark.parametrize(
    "target", ["", "x", "https://evil.example/", "//evil.example/", "/\\evil", "/.vestibule/accept",
               "/a\nb", "/%00", "@evil.example", ".evil.example", ":9999/", "/../.vestibule/start"],
)  # fmt: skip
def test_a_way_begins_and_ends_at_its_own_host(browser: Browser, target: str) -> None:
    there = browser.jars[FILES].get("/.vestibule/start", {"rd": target}, headers=forwarded(FILES))
    assert there["Location"].startswith(f"{SITE}/gateway/start?rd=https%3A%2F%2F{FILES}%2F")
    url, _page = browser.go(there["Location"])
    assert url.startswith(f"https://{FILES}/")


def test_a_host_without_rules_has_no_way(browser: Browser) -> None:
    for host in ("evil.example", "localhost", "localhost:8000", "", "a,b", f"{FILES}:9999"):
        for step in ("start?rd=/", "accept?code=x"):
            answer = browser.site.get(f"/.vestibule/{step}", headers={"X-Forwarded-Host": host})
            assert (answer.status_code, "Location" in answer) == (404, False)
    assert browser.site.get("/.vestibule/other", headers=forwarded(FILES)).status_code == 404
    assert browser.site.post("/.vestibule/start", headers=forwarded(FILES)).status_code == 405


def test_over_https_nobody_is_led_to_plain_http(browser: Browser, settings: Any) -> None:
    settings.VESTIBULE_SITE_URL = "https://localhost:8000"
    path = f"/gateway/start?rd=http://{FILES}/&state={'0' * 64}"
    assert browser.site.get(path).status_code == 400


def test_where_the_cookie_arrives_nothing_is_handed_over(browser: Browser, settings: Any) -> None:
    settings.SESSION_COOKIE_DOMAIN = "example.org"
    sent = ask(host=FILES, path="/a")
    assert sent["Location"] == f"{SITE}/login?next=https%3A%2F%2F{FILES}%2Fa"
    assert ask(host=WIKI)["Location"] == f"https://{WIKI}/.vestibule/start?rd=%2F"
    assert (
        browser.site.get(f"/gateway/start?rd=https://{FILES}/a")["Location"] == f"https://{FILES}/a"
    )
    assert browser.jars[FILES].get("/.vestibule/start", headers=forwarded(FILES)).status_code == 404


def test_nginx_says_its_host_by_the_url(browser: Browser) -> None:
    said = {"X-Original-Url": f"https://{FILES}/.vestibule/start?rd=/a", "Host": "localhost:8000"}
    answer = browser.site.get("/.vestibule/start?rd=/a", headers=said)
    assert answer["Location"].startswith(
        f"{SITE}/gateway/start?rd=https%3A%2F%2F{FILES}%2Fa&state="
    )

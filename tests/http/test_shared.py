"""Computers that many share: a short session, no cookie that stays, a page that knows nobody
(docs/shared-computers.md). U30 and U31 of docs/threats.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.timezone import localtime

from accounts.models import Event, Source, StoredSession, User
from accounts.session import people
from accounts.session.store import SessionStore
from portal.door.shared import NothingStays
from portal.gateway import check, known
from tests.http.conftest import PASSWORD, at_most, sign_in, stored
from tests.http.gateway.asking import ask, rule
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
LIBRARY = "10.20.0.0/16"
ENDED = "/auth/logout/ended"


@pytest.fixture
def library(settings: Any) -> Client:
    """Give a browser on one of the library's own machines."""
    settings.VESTIBULE_SHARED_NETWORKS = [ip_network(LIBRARY), ip_network("2001:db8:20::/48")]
    return Client(REMOTE_ADDR="10.20.3.4")


def tell(client: Client, **more: str) -> Any:
    """Sign in with the box ticked."""
    typed = {"username": "alice", "password": PASSWORD, "shared": "1", **more}
    return client.post("/auth/login/local", typed)


def lives(client: Client) -> tuple[int, int]:
    row = stored(client)
    idle, latest = row.expire_date - row.last_seen_at, row.ends_at - row.created_at
    return round(idle.total_seconds()), round(latest.total_seconds())


def who(client: Client) -> str:
    return str(client.get("/auth/session").json()["type"])


def is_left(client: Client) -> set[str]:
    """Return the names of the cookies that the browser still has, until it is closed."""
    return {name for name, held in client.cookies.items() if held["max-age"] != 0}


def test_the_box_makes_a_short_session(client: Client, person: User) -> None:
    sign_in(client)
    assert lives(client) == (8 * 3600, 7 * 86400)
    assert not stored(client).shared
    other = Client()
    tell(other)
    assert lives(other) == (600, 1800)
    assert stored(other).shared


def test_use_prolongs_it_to_its_end_and_no_further(client: Client, person: User) -> None:
    tell(client)
    began = timezone.now()
    for minutes in (9, 18, 27):
        with time_machine.travel(began + timedelta(minutes=minutes), tick=False):
            assert client.get("/account/").status_code == 200
            assert who(client) == "local"
    with time_machine.travel(began + timedelta(minutes=31), tick=False):
        assert who(client) == "anonymous"


def test_without_use_it_ends(client: Client, person: User) -> None:
    tell(client)
    with time_machine.travel(timezone.now() + timedelta(seconds=601), tick=False):
        assert who(client) == "anonymous"


@pytest.mark.parametrize(
    ("address", "shared"),
    [
        ("10.20.3.4", True),
        ("::ffff:10.20.3.4", True),
        ("2001:db8:20::7", True),
        ("10.21.3.4", False),
        ("2001:db8:21::7", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_the_librarys_own_machines_are_shared(
    library: Client, person: User, address: str, shared: bool
) -> None:
    client = Client(REMOTE_ADDR=address)
    sign_in(client)
    assert stored(client).shared is shared


def test_the_box_is_a_fact_where_the_network_is_known(
    library: Client, client: Client, person: User
) -> None:
    for path in ("/login", "/auth/login/local"):
        there, here = library.get(path).content.decode(), client.get(path).content.decode()
        assert 'name="shared"' not in there
        assert "This is a shared computer: nothing of you stays here" in there
        assert 'name="shared"' in here
        assert there.count('autocomplete="off"') == 3  # the form, the name, the password
        assert 'autocomplete="off"' not in here


@pytest.mark.parametrize("where", ["box", "network"])
def test_it_is_known_after_the_way_upstream(
    client: Client, library: Client, tenant: Tenant, where: str
) -> None:
    tenant()
    browser = library if where == "network" else client
    path = "/auth/login/town" + ("?shared=1" if where == "box" else "")
    asked = browser.get(path)
    assert browser.cookies[next(n for n in browser.cookies if n.startswith("vf-"))]["max-age"] == ""
    state = re.search(r"state=([^&]+)", asked["Location"])
    assert state
    browser.get("/auth/callback/town", {"code": "bob", "state": state[1]})
    assert stored(browser).shared


def test_a_callback_that_leaves_it_out_does_not_undo_it(client: Client, tenant: Tenant) -> None:
    tenant()
    asked = client.get("/auth/login/town?shared=1")["Location"]
    state = asked.split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state, "shared": ""})
    assert stored(client).shared


def test_the_choice_has_each_way_twice_and_the_box_shows_one(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    page = client.get("/login?choose=1").content.decode()
    ways = re.findall(r'class="way" href="([^"]*)"', page)
    assert ways == ["/auth/login/town", "/auth/login/town?shared=1"]
    assert 'id="shared" name="shared" value="1" form="local">' in page
    assert re.search(
        r'id="shared"[^>]* checked>', client.get("/login?shared=1&choose=1").content.decode()
    )


def test_a_new_proof_does_not_make_it_longer(client: Client, person: User) -> None:
    tell(client)
    sign_in(client)
    assert stored(client).shared
    assert StoredSession.objects.count() == 1


def test_who_switches_stays_at_a_shared_computer(
    client: Client, person: User, tenant: Tenant
) -> None:
    tenant()
    tell(client)
    left = onward(client, client.post("/auth/login/town", {"switch": "1"}))
    assert left["Location"] == "/auth/login/town?shared=1"


@pytest.mark.parametrize("where", ["box", "network"])
def test_no_cookie_outlives_the_browser(
    client: Client, library: Client, person: User, where: str
) -> None:
    browser = library if where == "network" else client
    browser.get("/auth/login/local")
    answer = tell(browser) if where == "box" else sign_in(browser)
    pages = [answer, *(browser.get(path) for path in ("/account/", "/account/sessions", "/"))]
    pages.append(browser.post("/i18n/setlang/", {"language": "de", "next": "/account/"}))
    for page in pages:
        for cookie in page.cookies.values():
            assert cookie["max-age"] in ("", 0), cookie.OutputString()
            assert cookie["max-age"] == 0 or not cookie["expires"], cookie.OutputString()
    assert "vestibule-device" not in browser.cookies


def test_a_cookie_is_over_although_the_browser_keeps_it(client: Client, person: User) -> None:
    sign_in(client)
    client.post("/auth/logout")
    assert client.cookies["vestibule-receipt"]["max-age"] == 120
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert "signed out" not in client.get("/").content.decode()


def test_leaving_sweeps_the_browser_and_names_nobody(client: Client, person: User) -> None:
    client.cookies["elsewhere"] = "of an application"
    client.post("/i18n/setlang/", {"language": "de"})
    tell(client)
    client.get("/account/")
    left = client.post("/auth/logout")
    assert left["Location"] == ENDED
    assert left["Clear-Site-Data"] == '"cache", "storage"'
    page = client.get(ENDED)
    assert page["Clear-Site-Data"] == '"cache", "storage"'
    assert page["Cache-Control"] == "no-store"
    said = page.content.decode()
    assert "Alice" not in said
    assert "alice" not in said
    assert 'href="/login?choose=1"' in said
    assert is_left(client) <= {"elsewhere", "vestibule-shared", "vestibule-left", "csrftoken"}
    assert Event.objects.filter(name="logout").count() == 1


def test_over_https_what_is_set_while_leaving_stays(
    client: Client, person: User, settings: Any
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    settings.LANGUAGE_COOKIE_NAME = language = "__Host-vestibule-language"
    client.post("/i18n/setlang/", {"language": "de"})
    tell(client)
    client.post("/auth/logout")
    assert client.cookies[language].value == "de"
    client.get(ENDED)
    assert is_left(client) <= {"__Host-vestibule-shared", "__Host-vestibule-left", "csrftoken"}


def test_the_next_person_finds_the_box_ticked(client: Client, person: User) -> None:
    tell(client)
    client.post("/auth/logout")
    client.get(ENDED)
    for path in ("/login?choose=1", "/auth/login/local"):
        page = client.get(path).content.decode()
        assert re.search(r'id="shared"[^>]* checked>', page)
        assert "Alice" not in page


@pytest.mark.parametrize("leaves_by", ["visit", "nothing"])
def test_the_upstream_is_visited_and_one_lands_on_the_page(
    client: Client, tenant: Tenant, peer: Upstream, settings: Any, leaves_by: str
) -> None:
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://front.example"]
    tenant(leaves_by=leaves_by)
    state = client.get("/auth/login/town?shared=1")["Location"].split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state})
    back = {} if leaves_by == "visit" else {"return_to": "https://front.example/bye"}
    left = client.post("/auth/logout", back)
    assert left["Clear-Site-Data"] == '"cache", "storage"'
    away = onward(client, left)
    assert str(away["Location"]).startswith(back.get("return_to", peer.url))
    assert not any(name.startswith("vestibule-onward") for name in is_left(client))
    if leaves_by == "visit":
        assert client.get("/auth/logout/done")["Location"] == ENDED


def test_an_upstream_that_did_not_hear_is_told_of(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(leaves_by="call")
    state = client.get("/auth/login/town?shared=1")["Location"].split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "bob", "state": state})
    peer.mood = "failing"
    assert client.post("/auth/logout")["Location"] == ENDED
    assert "You may still be signed in there: Town" in client.get(ENDED).content.decode()
    assert "Town" not in client.get(ENDED).content.decode()


def test_nobody_is_asked_to_end_what_is_in_use(client: Client, person: User) -> None:
    tell(client)
    page = client.get("/auth/logout/idle")
    assert page.status_code == 200
    assert "Close this tab" in page.content.decode()
    assert who(client) == "local"


def test_a_page_that_nobody_used_leaves_by_the_chart(client: Client, person: User) -> None:
    tell(client)
    with time_machine.travel(timezone.now() + timedelta(seconds=596), tick=False):
        left = client.get("/auth/logout/idle")
        assert left["Location"] == ENDED
        assert who(client) == "anonymous"
    assert Event.objects.filter(name="logout").exists()
    assert client.get("/auth/logout/idle")["Location"] == ENDED


def test_asking_how_long_it_lasts_is_no_use(client: Client, person: User) -> None:
    began = timezone.now()
    with time_machine.travel(began, tick=False):
        tell(client)
    with time_machine.travel(began + timedelta(seconds=400), tick=False):
        told = client.get("/auth/ends").json()
        assert 190 <= told["left"] <= 195
        assert stored(client).last_seen_at < began + timedelta(seconds=5)
        again = client.get("/account/stay", headers={"Accept": "application/json"})
        assert 590 <= again.json()["left"] <= 595
        assert again["X-CSRFToken"]
        assert again.json()["who"] == told["who"] != ""
        at = again.json()["at"]
        assert at == time_format(localtime(stored(client).expire_date), "TIME_FORMAT")
    assert Client().get("/auth/ends").json() == {"left": None, "at": "", "who": ""}


def test_each_page_tells_the_end(client: Client, person: User) -> None:
    tell(client)
    for path in ("/", "/account/", "/account/sessions", "/nowhere"):
        page = client.get(path)
        said = page.content.decode()
        assert "Shared computer: you are signed out at" in said
        assert re.search(r'http-equiv="refresh" content="59\d; url=/auth/logout/idle"', said)
        assert page["Cache-Control"] == "no-store"


def test_an_administrator_reads_it_too(client: Client, person: User) -> None:
    User.objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    tell(client)
    assert "Shared computer: you are signed out at" in client.get("/admin/").content.decode()


def test_a_token_pair_at_the_librarys_machines_is_as_short(library: Client, person: User) -> None:
    typed = {"username": "alice", "password": PASSWORD}
    assert library.post("/session/login", typed).status_code == 200
    row = StoredSession.objects.get()
    assert row.shared
    assert row.ends_at - row.created_at <= timedelta(minutes=30)


def test_ending_it_elsewhere_is_told_as_ever(client: Client, person: User) -> None:
    tell(client)
    people.end_all(person.pk, "test")
    assert who(client) == "anonymous"


def test_nothing_that_lasts_is_made_there(client: Client, person: User, settings: Any) -> None:
    settings.VESTIBULE_APP_PASSWORDS = True
    tell(client)
    assert (
        "make one on a computer of your own"
        in client.get("/account/app-passwords").content.decode()
    )
    made = client.post("/account/app-passwords", {"name": "Calendar", "days": "90", "place": ""})
    assert made.status_code == 403
    assert not StoredSession.objects.filter(kind="client").exists()


def test_the_gateway_lets_it_in_as_long_and_no_longer(client: Client, person: User) -> None:
    rule("files", access="signed_in")
    tell(client)
    row = stored(client)
    headers = {
        "cookie": f"vestibule={client.cookies['vestibule'].value}",
        "x-forwarded-method": "GET",
        "x-forwarded-proto": "http",
        "x-forwarded-host": "files.example.org",
        "x-forwarded-uri": "/",
        "accept": "text/html",
    }
    question = check.Question("", headers)
    # Just before the end, when a minute would be too long
    with time_machine.travel(row.expire_date - timedelta(seconds=20), tick=False):
        StoredSession.objects.update(last_seen_at=timezone.now())
        fresh.caches()
        answer, keep = check.weighed(question, known.identify)
        assert answer.status == 200
        assert keep is not None
        assert keep.until <= row.expire_date.timestamp()
    with time_machine.travel(row.expire_date + timedelta(seconds=1), tick=False):
        assert check.weighed(question, known.identify)[0].status == 302


@pytest.mark.parametrize("where", ["page", "frame", "script", "session"])
def test_u31_only_pages_that_are_opened_keep_it_alive(
    client: Client, person: User, where: str
) -> None:
    rule("files", access="signed_in")
    tell(client)
    mine, began = f"vestibule={client.cookies['vestibule'].value}", timezone.now()
    mode = "navigate" if where in ("page", "frame") else "cors"
    dest = {"page": "document", "frame": "iframe"}.get(where, "empty")

    def is_known() -> bool:
        if where == "session":
            return who(client) == "local"
        asked = ask(cookie=mine, sec_fetch_mode=mode, sec_fetch_dest=dest)
        return bool(asked.status_code == 200)

    for minutes in (2, 9):
        with time_machine.travel(began + timedelta(minutes=minutes), tick=False):
            assert is_known()
    with time_machine.travel(began + timedelta(minutes=11), tick=False):
        assert is_known() is (where == "page")


def test_a_session_that_could_not_be_read_is_not_read_once_more(rf: Any) -> None:
    request = rf.get("/")
    request.session = SessionStore("a" * 43)
    request.session.accessed = True  # as after a load that has failed
    with at_most(0):
        NothingStays(lambda _request: HttpResponse())(request)

"""docs/contract.md 5: leaving removes session and tokens, visits the provider and comes back.

The rows of docs/threats.md 4.1 on the logout and the login page; W6, W8 and W9.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Event, StoredSession, StoredTokens, User
from tests.http.conftest import sign_in, stored
from tests.http.officials.conftest import Counter, held
from tests.http.oidc.browser import Browser
from tests.peers.certified import Certified

pytestmark = pytest.mark.django_db(transaction=True)

CLICK = {
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
FOREIGN = {**CLICK, "Sec-Fetch-Site": "cross-site"}


@pytest.fixture
def official(counter: Counter, browser: Browser) -> Browser:
    """Give somebody who is let in."""
    counter(columns={"require_assignment": False})
    browser.sign_in("town")
    return browser


def test_w6_the_way_out_ends_here_then_there_and_comes_back(
    official: Browser, provider: Certified
) -> None:
    hint = held(official).id_token
    left = official.leave()
    assert left["Location"].startswith(f"{provider.issuer}/session/end?")
    sent = parse_qs(urlsplit(left["Location"]).query)
    assert sent["id_token_hint"] == [hint]
    assert not StoredSession.objects.exists()  # before the visit
    assert not StoredTokens.objects.exists()
    back = official.go(left["Location"])
    assert back.path == "/auth/logout/done"
    assert provider.signed_in() == []
    assert official.deliver(back)["Location"] == "/"
    shown = official.site.get("/").content.decode()
    assert "You are signed out" in shown
    assert official.session() == {"isLoggedIn": False, "type": "anonymous"}


def test_the_address_of_before_leads_to_the_way_out(official: Browser) -> None:
    assert official.site.get("/logout/")["Location"] == "/auth/logout"
    query = "return_to=/login%3Fx%3D1&state=a%26b"
    assert official.site.get(f"/logout/?{query}")["Location"] == f"/auth/logout?{query}"
    assert official.session()["isLoggedIn"] is True  # the redirect itself ends nothing
    assert official.site.post("/logout/").status_code == 405


def test_a_click_on_the_address_of_before_leaves(official: Browser, provider: Certified) -> None:
    left = official.site.get("/logout/", headers=CLICK, follow=False)
    gone = official.site.get(left["Location"], headers=CLICK)
    assert gone["Location"].startswith(provider.issuer)
    assert not StoredSession.objects.exists()


def test_w8_a_link_on_another_site_throws_nobody_out(official: Browser) -> None:
    for path in ("/auth/logout", "/logout/"):
        asked = official.site.get(path, headers=FOREIGN, follow=True)
        assert asked.status_code == 200  # a page that asks
        assert official.session()["isLoggedIn"] is True


def test_w8_a_post_without_the_token_throws_nobody_out(official: Browser) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = official.site.cookies
    assert strict.post("/auth/logout").status_code == 403
    assert official.session()["isLoggedIn"] is True


def test_w8_nobody_ends_the_session_of_somebody_else(official: Browser) -> None:
    other = Browser(Client(), "bob")
    other.sign_in("town")
    theirs = stored(official.site)
    for values in ({"end": theirs.uid}, {"uid": theirs.uid}, {"user": theirs.user_id}):
        other.site.post("/account/sessions", values)
    other.site.post(f"/auth/logout?user={theirs.user_id}", {"uid": theirs.uid})
    assert official.session()["isLoggedIn"] is True
    assert other.session()["isLoggedIn"] is False


def test_w9_leaving_when_nobody_is_signed_in_is_harmless(house: None, client: Client) -> None:
    for response in (client.post("/auth/logout"), client.get("/auth/logout")):
        assert (response.status_code, response["Location"]) == (303, "/")
    assert client.get("/logout/", follow=True).status_code == 200
    assert client.get("/auth/logout/done", follow=True).status_code == 200


def test_leaving_twice_is_harmless(official: Browser) -> None:
    official.leave()
    assert official.site.post("/auth/logout")["Location"] == "/"
    assert Event.objects.filter(name="logout").count() == 1


@pytest.mark.parametrize("state", ["", "wrong", "x" * 500, None])
def test_coming_back_with_any_state_lands_on_the_front_page(
    official: Browser, state: str | None
) -> None:
    back = official.go(official.leave()["Location"])
    values = {} if state is None else {"state": state}
    landed = official.site.get(back.path, values)
    assert (landed.status_code, landed["Location"]) == (303, "/")


def test_coming_back_without_having_left_ends_nothing(official: Browser) -> None:
    official.site.get("/auth/logout/done", {"state": "x"})
    assert official.session()["isLoggedIn"] is True


# --- The rows on the login page -------------------------------------------------------------------


def test_whoever_is_signed_in_already_is_led_on(official: Browser) -> None:
    assert official.site.get("/login")["Location"] == "/account/"
    assert official.site.get("/auth/login/town")["Location"] == "/account/"
    assert "Hello, Alice Ærø" in official.site.get("/").content.decode()


def test_bad_credentials_stay_on_the_form(person: User, client: Client) -> None:
    response = sign_in(client, "alice", "wrong")
    assert response.status_code == 400
    assert client.get("/auth/session").json()["isLoggedIn"] is False


def test_a_module_that_is_not_theirs_is_a_403_and_ends_nothing(official: Browser) -> None:
    assert official.site.get("/admin/").status_code == 403
    assert official.session()["isLoggedIn"] is True


def test_each_source_has_a_landing_page(counter: Counter, browser: Browser) -> None:
    counter(columns={"require_assignment": False, "after_login": "/account/sign-ins"})
    assert browser.sign_in("town")["Location"] == "/account/sign-ins"

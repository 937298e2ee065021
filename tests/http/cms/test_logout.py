"""The way out by the CMS, which must never strand anybody (docs/threats.md 2.7; W8, W9)."""

from __future__ import annotations

import time

import pytest

from accounts.models import Event, Source, StoredSession
from accounts.provider import LogoutPlan, SessionRef, TokenSet
from providers.adgangsplatformen import provider as way_out
from providers.adgangsplatformen.cookies import candidates
from providers.adgangsplatformen.provider import LEAVING_SECONDS
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Provide, Visitor, failure, held
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.cms import SITE, Cms, Patron
from tests.peers.site import free_port
from tests.peers.trouble import TroubleServer

pytestmark = pytest.mark.wire

RETURN = f"{SITE}/auth/logout/done"
UNANSWERED = LogoutPlan(unanswered=TokenSet())


def plan(provider: object, patron: Patron, cookies: dict[str, str] | None = None) -> LogoutPlan:
    outcome = provider.recognise(patron.cookies)  # type: ignore[attr-defined]
    session = held(outcome) if outcome else None
    sent = patron.cookies if cookies is None else cookies
    planned: LogoutPlan = provider.plan_logout(  # type: ignore[attr-defined]
        session, outcome.tokens, sent, RETURN
    )
    return planned


def test_case_25_a_patron_visits_the_cms(provide: Provide, patron: Patron, library: Cms) -> None:
    patron.sign_in()
    way = plan(provide(), patron).visit
    assert way == f"{library.url}/logout?current-path=/go-logout"
    assert patron.get(way).headers["Location"] == f"{SITE}/"


def test_without_credentials_the_way_is_built(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    provider = provide(graphql_user=None, graphql_password=None)
    assert plan(provider, patron).visit == f"{library.url}/logout?current-path=/go-logout"


def test_w9_without_a_cookie_there_is_no_visit_and_no_call(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    provider = provide()
    outcome = provider.recognise(patron.cookies)
    library.trouble()
    assert provider.plan_logout(held(outcome), None, {}, RETURN) == UNANSWERED
    assert not library.calls


def test_w9_a_session_that_died_at_the_cms_is_not_sent_to_its_403(
    provide: Provide, patron: Patron
) -> None:
    patron.sign_in()
    provider, stale = provide(), patron.cookies
    session = held(provider.recognise(stale))
    patron.sign_out()
    assert patron.get("/logout?current-path=/go-logout").status_code == 403
    assert provider.plan_logout(session, None, stale, RETURN) == LogoutPlan()


@pytest.mark.parametrize("trouble", ["down", "errors", "html", "huge", "shapeless", "slow"])
def test_a_cms_in_trouble_strands_nobody_and_may_still_know_the_patron(
    provide: Provide, patron: Patron, library: Cms, trouble: str
) -> None:
    patron.sign_in()
    provider = provide()
    session = held(provider.recognise(patron.cookies))
    library.trouble(trouble)
    assert provider.plan_logout(session, None, patron.cookies, RETURN) == UNANSWERED
    library.trouble()


@pytest.mark.parametrize(
    "path",
    ["/error", "/hang", "/drip-body", "/drip-headers", "/garbage", "/close", "/broken-json"],
)
def test_whatever_is_no_answer_leaves_it_open_whether_the_patron_is_known(
    provide: Provide, patron: Patron, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(way_out, "LEAVING_SECONDS", LEAVING_SECONDS)
    patron.sign_in()
    session = held(provide().recognise(patron.cookies))
    with TroubleServer() as upstream:
        lost = provide(cms_url=upstream.url("").rstrip("/"), graphql_path=path)
        began = time.monotonic()
        assert lost.plan_logout(session, None, patron.cookies, RETURN) == UNANSWERED
        assert time.monotonic() - began < 10, "who leaves does not wait for long"
        assert upstream.requests[path] == 1


def test_a_cms_that_knows_nobody_is_no_cms_that_does_not_answer(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    provider = provide()
    session = held(provider.recognise(patron.cookies))
    library.trouble("no-token")
    assert provider.plan_logout(session, None, patron.cookies, RETURN) == LogoutPlan()


@pytest.mark.remembers
def test_cookies_that_a_stranger_invents_leave_no_mark(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    provider, ref = provide(), SessionRef(uid="", type="adgangsplatformen", source=SLUG, subject="")
    invented = {"SESS" + "0" * 32: "invented"}
    known = patron.cookies
    for cookies, marked in ((invented, False), (known, True)):
        provider.plan_logout(ref, None, cookies, RETURN)
        (mine,) = candidates(provider.settings, cookies)
        assert provider.markers.has("left", mine.digest) is marked
    library.trouble("down")
    provider.plan_logout(ref, None, invented, RETURN)
    (mine,) = candidates(provider.settings, invented)
    assert provider.markers.has("left", mine.digest), "it may be somebody's"


def test_case_23_without_a_logout_address_there_is_no_visit(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    library.trouble("no-login")
    assert plan(provide(), patron) == LogoutPlan()


def test_a_logout_address_at_another_site_is_not_visited(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    library.trouble("elsewhere")
    assert plan(provide(), patron) == UNANSWERED


def test_a_cms_that_is_gone_strands_nobody(provide: Provide, patron: Patron) -> None:
    patron.sign_in()
    session = held(provide().recognise(patron.cookies))
    gone = provide(cms_url=f"http://localhost:{free_port()}")
    assert gone.plan_logout(session, None, patron.cookies, RETURN) == UNANSWERED


# --- At the site ----------------------------------------------------------------------------------


def test_case_9_who_leaves_ends_on_the_front_page(visitor: Visitor) -> None:
    visitor.enter()
    visitor.at_cms.get(visitor.leave()["Location"])
    assert visitor.get("/").status_code == 200
    assert visitor.type == "anonymous"


def test_w12_a_copy_of_the_cookie_is_worth_nothing_afterwards(visitor: Visitor) -> None:
    visitor.enter()
    copy = visitor.site.cookies["vestibule"].value
    visitor.leave()
    fresh.feed()  # as in another worker, or in this one half a second later
    visitor.site.cookies["vestibule"] = copy
    assert visitor.type == "anonymous"


@pytest.mark.parametrize("trouble", ["down", "slow", "errors", "html", "huge", "shapeless"])
def test_who_may_still_be_signed_in_is_told_so_and_can_try_again(
    visitor: Visitor, library: Cms, trouble: str
) -> None:
    visitor.enter()
    library.trouble(trouble)
    assert visitor.leave()["Location"] == "/"
    told = visitor.get("/")
    receipt = told.context["receipt"]
    assert receipt["upstream"] == "unanswered"
    assert Event.objects.get(name="logout").support_code == receipt["code"]
    assert "You may still be signed in there: Library" in told.content.decode()
    assert visitor.get("/").context["receipt"] is None  # it is shown once
    again = visitor.carry().post("/auth/logout/again")
    assert again["Location"] == "/"
    assert visitor.get("/").context["receipt"]["upstream"] == "unanswered"
    library.trouble()
    fresh_try = onward(visitor.site, visitor.carry().post("/auth/logout/again"))
    assert fresh_try["Location"] == f"{library.url}/logout?current-path=/go-logout"
    visitor.at_cms.get(fresh_try["Location"])
    assert "Nobody is signed in here" in visitor.at_cms.get("/").text
    assert visitor.get("/").context["receipt"]["upstream"] == "visit"


def test_who_leaves_while_the_source_cannot_be_built_is_told_so_and_can_try_again(
    visitor: Visitor, source: Make, library: Cms
) -> None:
    visitor.enter()
    Source.objects.filter(slug=SLUG).update(settings={"nonsense": 1})
    fresh.sources()
    assert visitor.leave()["Location"] == "/"
    for _ in range(2):
        receipt = visitor.get("/").context["receipt"]
        assert (receipt["upstream"], receipt["label"]) == ("unanswered", "Library")
        assert visitor.carry().post("/auth/logout/again")["Location"] == "/"
    source()
    again = onward(visitor.site, visitor.carry().post("/auth/logout/again"))
    assert again["Location"] == f"{library.url}/logout?current-path=/go-logout"


def test_who_wanted_to_go_on_reads_first_that_they_may_still_be_signed_in(
    visitor: Visitor, library: Cms
) -> None:
    visitor.enter()
    library.trouble("down")
    left = visitor.carry().post("/auth/logout", {"return_to": "/account/sessions"})
    assert left["Location"] == "/"
    assert 'href="/account/sessions"' in visitor.get("/").content.decode()


def test_nobody_else_can_try_again(visitor: Visitor, library: Cms) -> None:
    library.trouble()
    assert visitor.site.post("/auth/logout/again")["Location"] == "/"
    visitor.site.cookies["vestibule-again"] = "planted"
    assert visitor.site.post("/auth/logout/again")["Location"] == "/"
    assert not library.calls
    assert visitor.site.get("/auth/logout/again").status_code == 405


@pytest.mark.parametrize("trouble", ["down", "errors", "html"])
def test_w7_w8_whatever_the_cms_does_the_session_here_is_over(
    visitor: Visitor, library: Cms, trouble: str
) -> None:
    visitor.enter()
    library.trouble(trouble)
    assert visitor.leave()["Location"] == "/"
    assert not StoredSession.objects.exists()


@pytest.mark.remembers
def test_w8_a_logout_does_not_undo_itself_when_the_cms_comes_back(
    visitor: Visitor, library: Cms
) -> None:
    visitor.enter()
    library.trouble("down")
    visitor.leave()
    library.trouble()
    del visitor.site.cookies["vestibule-left"]  # as if a minute had passed
    assert visitor.get("/login", next="/account/").status_code == 200
    assert visitor.type == "anonymous"
    failure(visitor.get(CALLBACK))  # nor by an answer that nobody asked for


@pytest.mark.remembers
def test_w8_who_did_not_go_to_the_cms_is_not_signed_straight_in_again(visitor: Visitor) -> None:
    visitor.enter()
    visitor.leave()  # the browser never follows to the CMS
    del visitor.site.cookies["vestibule-left"]
    visitor.get("/login", next="/account/")
    assert visitor.type == "anonymous"


@pytest.mark.remembers
def test_w8_a_click_signs_in_again(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    library.trouble("down")
    visitor.leave()
    library.trouble()
    assert visitor.enter()["Location"] == "/account/"


def test_after_the_way_out_another_sign_in_at_the_cms_is_shared_again(visitor: Visitor) -> None:
    visitor.enter()
    visitor.at_cms.get(visitor.leave()["Location"])
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    del visitor.site.cookies["vestibule-left"]
    assert visitor.get("/login", next="/account/")["Location"] == "/account/"


def test_leaving_when_already_out_at_the_cms_lands_here(visitor: Visitor) -> None:
    visitor.enter()
    stale = visitor.at_cms.cookies
    visitor.at_cms.sign_out()
    for name, value in stale.items():
        visitor.site.cookies[name] = value
    assert visitor.site.post("/auth/logout")["Location"] == "/"


def test_w18_a_prefetched_logout_asks_first(visitor: Visitor) -> None:
    visitor.enter()
    assert visitor.get("/auth/logout").status_code == 200
    assert visitor.type == "adgangsplatformen"


def test_of_a_disabled_source_people_still_leave(visitor: Visitor, source: Make) -> None:
    visitor.enter()
    source(columns={"enabled": False})
    assert "/logout?current-path=/go-logout" in visitor.leave()["Location"]

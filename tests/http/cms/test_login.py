"""The way in by the CMS: docs/contract.md 1, docs/threats.md 2.2, 2.9 and 2.10."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import Identity, Source, StoredSession, User
from accounts.session import vault
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Visitor, failure
from tests.http.conftest import sign_in, stored
from tests.http.onward import onward
from tests.peers.cms import SITE, Cms

pytestmark = pytest.mark.wire


def test_case_3_the_button_leads_to_the_address_that_the_cms_names(
    visitor: Visitor, library: Cms
) -> None:
    started = visitor.get(f"/auth/login/{SLUG}")
    assert started["Location"] == f"{library.url}/login?current-path=/go-login"
    assert library.calls["graphql:goConfiguration"] == 1


def test_case_7_the_callback_ends_on_the_profile(visitor: Visitor) -> None:
    response = visitor.enter()
    assert (response.status_code, response["Location"]) == (303, "/account/")
    assert visitor.get("/account/").status_code == 200


def test_the_session_is_what_the_cms_says(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    session = visitor.session()
    assert session["type"] == "adgangsplatformen"
    assert session["source"] == SLUG
    assert session["user"]["name"] == "Rikke Læser"
    assert session["expires"]


@pytest.mark.remembers
def test_the_same_patron_is_the_same_person_at_each_sign_in(visitor: Visitor) -> None:
    visitor.enter()
    visitor.leave()
    visitor.enter()
    assert Identity.objects.filter(source__slug=SLUG).count() == 1


def test_two_patrons_are_two_people(visitor: Visitor, library: Cms) -> None:
    visitor.enter("rikke")
    Visitor(library).enter("lars")
    assert Identity.objects.filter(source__slug=SLUG).values("user").distinct().count() == 2


def test_w33_the_patron_comes_back_to_the_book(visitor: Visitor) -> None:
    assert visitor.enter(next_url="/account/sessions")["Location"] == "/account/sessions"


def test_w6_two_tabs_do_not_disturb_each_other(visitor: Visitor) -> None:
    visitor.get(f"/auth/login/{SLUG}", next="/account/sessions")
    response = visitor.enter(next_url="/account/sign-ins")
    assert response["Location"] == "/account/sign-ins"


def test_a_foreign_next_is_dropped(visitor: Visitor) -> None:
    assert visitor.enter(next_url="https://evil.example/")["Location"] == "/account/"


def test_a_reload_of_the_callback_leads_on(visitor: Visitor) -> None:
    visitor.enter()
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert visitor.type == "adgangsplatformen"


def test_the_marker_counts_once(visitor: Visitor) -> None:
    visitor.enter(next_url="/account/sessions")
    visitor.leave()
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(CALLBACK)["Location"] == "/account/"


def test_w20_an_answer_that_nobody_asked_for_signs_in_anonymous_people_only(
    visitor: Visitor, person: User
) -> None:
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert visitor.type == "adgangsplatformen"


def test_w20_an_answer_that_nobody_asked_for_replaces_nobody(
    visitor: Visitor, person: User
) -> None:
    sign_in(visitor.site)
    before = visitor.session()
    visitor.at_cms.sign_in("rikke")
    visitor.get(CALLBACK)
    assert visitor.session() == before


def test_who_is_asked_whether_to_switch_stays_on_mapstores_way(
    visitor: Visitor, person: User
) -> None:
    begun = visitor.get("/openid/library/login", next="/account/sessions")
    sign_in(visitor.site)  # in another tab
    visitor.at_cms.sign_in("rikke", begun["Location"])
    asked = visitor.get(CALLBACK)["Location"]
    assert asked == "/openid/library/login?next=%2Faccount%2Fsessions&switch=1"


def test_mapstores_way_leads_to_a_front_end_elsewhere_by_a_page(
    visitor: Visitor, settings: Any
) -> None:
    """The library's form is at the beginning of all these redirects, and allows this site alone."""
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://map.example"]
    begun = visitor.get("/openid/library/login", next="https://map.example/#/")
    visitor.at_cms.sign_in("rikke", begun["Location"])
    handed = visitor.get(visitor.get(CALLBACK)["Location"])
    assert handed.cookies["tokens_key"].value
    assert onward(visitor.site, handed)["Location"] == "https://map.example/#/"


def test_mapstores_way_knows_who_is_signed_in_at_the_library(
    visitor: Visitor, library: Cms
) -> None:
    """To its login the CMS signs everybody out: so nobody is sent there who is known."""
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    ahead = {"Sec-Purpose": "prefetch;prerender"}
    assert visitor.carry().get("/openid/library/login", headers=ahead).status_code == 204
    begun = visitor.get("/openid/library/login", next="/map/#/viewer/1")
    handed = visitor.get(begun["Location"])
    assert handed["Location"] == "/map/#/viewer/1"
    assert handed.cookies["tokens_key"].value
    assert visitor.type == "adgangsplatformen"


def test_mapstores_way_asks_who_is_known_too_weakly(visitor: Visitor, library: Cms) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    begun = visitor.get("/openid/library/login", strength="substantial")
    assert begun["Location"].startswith(f"{library.url}/login")
    assert visitor.type == "anonymous"


def test_mapstores_way_tells_whom_the_library_knows_and_the_site_refuses(
    visitor: Visitor, source: Make
) -> None:
    source(columns={"enroll": False})
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    refused = visitor.get("/openid/library/login", next="/map/")
    assert failure(refused).reason == "not-registered"
    assert parse_qs(urlsplit(refused["Location"]).query) == {"by": ["openid"], "next": ["/map/"]}


def test_w5_a_callback_without_a_cookie_signs_nobody_in(visitor: Visitor) -> None:
    event = failure(visitor.get(CALLBACK))
    assert event.reason == "login-failed"
    assert "cookie" in event.detail


def test_a_failed_callback_changes_nothing_else(visitor: Visitor, person: User) -> None:
    visitor.get(f"/auth/login/{SLUG}")
    failure(visitor.get(CALLBACK))
    assert visitor.enter()["Location"] == "/account/"


def test_the_callback_of_the_source_serves_as_well(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(f"/auth/callback/{SLUG}")["Location"] == "/account/"


def test_of_two_libraries_the_marker_names_the_one(visitor: Visitor, source: Make) -> None:
    source("branch")
    visitor.enter(slug="branch")
    assert visitor.session()["source"] == "branch"


def test_of_two_libraries_none_is_guessed(visitor: Visitor, source: Make) -> None:
    source("branch")
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(CALLBACK).status_code == 404


def test_w37_a_protected_page_looks_at_the_cms_before_it_asks(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.get("/login", next="/account/")["Location"] == "/account/"


def test_s11_a_prefetch_of_a_protected_page_signs_nobody_in(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    ahead = {"Sec-Purpose": "prefetch;prerender"}
    assert visitor.carry().get("/login?next=/account/", headers=ahead).status_code == 204
    assert not StoredSession.objects.exists()


def test_who_is_known_too_weakly_for_a_page_is_given_the_choice(
    visitor: Visitor, library: Cms, settings: Any
) -> None:
    settings.VESTIBULE_STAFF_STRENGTH = "substantial"
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    asked = visitor.get("/admin/")["Location"]
    assert "strength=substantial" in asked
    choice = visitor.get(asked)
    assert choice.status_code == 200
    assert "Continue as patron" not in choice.content.decode()
    begun = visitor.get("/auth/login/library", strength="substantial")
    assert begun["Location"].startswith(f"{library.url}/login"), "the card is really asked for"


def test_the_choice_offers_to_go_on_as_patron(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    page = visitor.get("/login").content.decode()
    assert "Continue as patron of Library" in page
    assert visitor.type == "anonymous"


def test_an_editor_of_the_cms_is_no_patron(visitor: Visitor, library: Cms) -> None:
    visitor.at_cms.sign_in("else", "/login?current-path=/")
    assert "Continue as patron" not in visitor.get("/login").content.decode()
    assert visitor.type == "anonymous"


@pytest.mark.remembers
def test_w16_an_editor_costs_the_cms_one_question(visitor: Visitor, library: Cms) -> None:
    visitor.at_cms.sign_in("else", "/login?current-path=/")
    library.trouble()
    for _ in range(5):
        visitor.get("/login")
    assert library.calls["graphql:dplTokens"] == 1


def test_w16_who_has_no_cookie_costs_the_cms_nothing(visitor: Visitor, library: Cms) -> None:
    library.trouble()
    visitor.get("/login")  # whether there is a login is asked once in a quarter of an hour
    assert library.calls == {"/graphql": 1, "graphql:goConfiguration": 1}
    library.trouble()
    for path in ("/", "/login", "/account/", "/auth/session", "/auth/sources"):
        visitor.get(path)
    assert not library.calls


def test_w19_the_session_shows_no_token(visitor: Visitor) -> None:
    visitor.enter()
    shown = str(visitor.session())
    tokens = vault.tokens_of(stored(visitor.site).uid)
    assert tokens
    assert tokens.access_token
    assert tokens.access_token not in shown


def test_w11_w17_no_token_is_in_a_cookie_or_an_address(visitor: Visitor) -> None:
    entered = visitor.enter()
    tokens = vault.tokens_of(stored(visitor.site).uid)
    assert tokens
    left = visitor.leave()
    places = [entered["Location"], left["Location"], str(visitor.site.cookies)]
    assert tokens.access_token not in "".join(places)


def test_w10_nothing_secret_is_logged(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    visitor.enter()
    tokens = vault.tokens_of(stored(visitor.site).uid)
    assert tokens
    said = caplog.text + "".join(capfd.readouterr())
    for secret in (tokens.access_token, *visitor.at_cms.cookies.values(), "9999999901"):
        assert secret not in said


def test_w1_the_private_part_of_the_cms_is_never_asked(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    visitor.get("/account/")
    visitor.leave()
    assert not library.calls["graphql:private"]


def test_w2_the_cms_sees_the_patron_or_our_user_and_never_both(
    visitor: Visitor, library: Cms
) -> None:
    visitor.enter()
    visitor.leave()
    assert not library.calls["graphql:as-both"]


def test_w2_the_password_of_our_user_reaches_no_browser(visitor: Visitor, source: Make) -> None:
    source(graphql_password="a-password-of-the-cms")
    for path in ("/", "/login", "/auth/sources", "/auth/session"):
        assert b"a-password-of-the-cms" not in visitor.get(path).content
    assert "a-password-of-the-cms" not in str(Source.objects.get(slug=SLUG).settings)


def test_w27_nobody_outside_chooses_where_the_cms_sends_people(visitor: Visitor) -> None:
    query = {"current-path": "//evil.example", "next": "/account/"}
    led = visitor.get(f"/auth/login/{SLUG}", **query)["Location"]
    assert parse_qs(urlsplit(led).query) == {"current-path": ["/go-login"]}


def test_w3_a_malformed_session_cookie_is_nobody_and_hurts_nobody(
    visitor: Visitor, library: Cms
) -> None:
    visitor.site.cookies["vestibule"] = "Fe26.2*1*a*b*c*d*e*f*g"
    assert visitor.type == "anonymous"
    assert visitor.enter()["Location"] == "/account/"
    assert Visitor(library).type == "anonymous"


def test_w24_long_tokens_make_no_long_cookie(visitor: Visitor) -> None:
    visitor.enter()
    assert len(visitor.site.cookies["vestibule"].value) < 200


def test_w26_who_is_not_registered_is_told_so(visitor: Visitor, source: Make, library: Cms) -> None:
    source(registered_only=True)
    visitor.get(f"/auth/login/{SLUG}")
    # The CMS keeps such a person on its own front page, signed in all the same.
    assert visitor.at_cms.sign_in("nils") == f"{library.url}/?unregistered"
    event = failure(visitor.get(CALLBACK))
    assert event.reason == "not-registered"
    page = visitor.get(f"/login/failed/{event.support_code}")
    assert page.status_code == 403
    assert not Identity.objects.filter(source__slug=SLUG).exists()


def test_w26_a_patron_service_that_is_down_makes_nobody_unregistered(
    visitor: Visitor, source: Make, library: Cms
) -> None:
    source(registered_only=True)
    visitor.get(f"/auth/login/{SLUG}")
    visitor.at_cms.sign_in("rikke")
    library.trouble("no-patrons")
    assert failure(visitor.get(CALLBACK)).reason == "temporarily-unavailable"


def test_w14_pages_stand_while_the_cms_is_down(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    library.trouble("down")
    for path in ("/", "/account/", "/auth/session"):
        assert visitor.get(path).status_code == 200


def test_the_library_becomes_another_way_in_for_somebody(visitor: Visitor, person: User) -> None:
    sign_in(visitor.site)
    started = onward(visitor.site, visitor.carry().post("/account/sign-ins", {"link": SLUG}))
    visitor.at_cms.sign_in("rikke", started["Location"])
    assert visitor.get(CALLBACK)["Location"] == "/account/sign-ins"
    assert person.identities.filter(source__slug=SLUG).exists()
    assert visitor.type == "local"


def test_w39_each_failure_has_its_reason_and_a_support_code(visitor: Visitor, library: Cms) -> None:
    visitor.get(f"/auth/login/{SLUG}")
    visitor.at_cms.sign_in("rikke")
    library.trouble("no-token")
    event = failure(visitor.get(CALLBACK))
    assert (event.reason, bool(event.detail)) == ("login-failed", True)
    assert event.support_code in visitor.get(f"/login/failed/{event.support_code}").content.decode()
    assert SITE not in event.detail

"""A complete sign-in by the stand-in's broker and institution service."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import Event, Identity, StoredSession, User
from accounts.session.vault import tokens_of
from tests.http.conftest import stored
from tests.http.oidc.conftest import parallel
from tests.http.unilogin.conftest import Make, typed
from tests.http.unilogin.standin import AT, Browser, Standin, outbound
from tests.sandbox.unilogin.broker import CLIENT_ID
from tests.sandbox.unilogin.schools import BY_THE_LAKES, ON_THE_HILL

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_request_is_what_the_broker_expects(
    browser: Browser, source: Make, standin: Standin
) -> None:
    source()
    url = browser.start("unilogin")
    assert url.startswith(f"{standin.issuer}/{AT}/auth?")
    asked = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in asked.values())
    assert asked["client_id"] == [CLIENT_ID]
    assert asked["response_type"] == ["code"]
    assert asked["redirect_uri"] == ["http://localhost:8000/auth/callback/unilogin"]
    assert asked["scope"] == ["openid"]
    assert asked["prompt"] == ["login"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert asked["state"] != asked["nonce"]


def test_the_account_page_of_a_pupil_says_what_is_known(browser: Browser, source: Make) -> None:
    source()
    browser.enter("Ida")
    shown = browser.session()["uniLoginUserInfo"]
    page = browser.site.get("/account/").content.decode()
    assert f"<dt>Unilogin</dt><dd>{shown['uniid']}</dd>" in page
    assert f"<dt>School</dt><dd>{', '.join(shown['institutionIds'])}</dd>" in page
    held = browser.site.get("/account/data/export").json()["data"]
    told = {each["name"]: each["value"] for each in held}
    assert told["uniLoginUserInfo.uniid"] == shown["uniid"]
    assert told["uniLoginUserInfo.institutionIds"] == shown["institutionIds"]


def test_a_pupil_signs_in(browser: Browser, source: Make, standin: Standin) -> None:
    source()
    response = browser.enter("Ida")
    assert (response.status_code, response["Location"]) == (303, "/account/")
    assert response["Cache-Control"] == "no-store"
    body = browser.session()
    assert (body["isLoggedIn"], body["type"], body["source"]) == (True, "unilogin", "unilogin")
    subject = stored(browser.site).subject
    assert body["uniLoginUserInfo"] == {
        "sub": subject, "uniid": "idax1234", "institutionIds": [BY_THE_LAKES.instnr],
    }  # fmt: skip
    assert body["user"]["username"] == "idax1234"
    identity = Identity.objects.get()
    assert (identity.subject, identity.issuer) == (subject, standin.issuer)
    assert Event.objects.filter(name="login.succeeded").count() == 1
    assert standin.signed_in() == {"Ida"}


def test_a_teacher_whose_second_school_is_the_right_one_signs_in(
    browser: Browser, source: Make
) -> None:
    source()
    assert browser.enter("Tove")["Location"] == "/account/"
    told = browser.session()["uniLoginUserInfo"]
    assert told["institutionIds"] == [ON_THE_HILL.instnr, BY_THE_LAKES.instnr]


def test_institutions_that_come_as_a_list_are_read_as_well(browser: Browser, source: Make) -> None:
    source(municipalities=[ON_THE_HILL.kommunenr])
    browser.enter("Bo")
    assert browser.session()["uniLoginUserInfo"]["institutionIds"] == [ON_THE_HILL.instnr]


@pytest.mark.parametrize("written", ["101", "0101", "000101", " 101 "])
def test_a_municipality_is_the_same_in_any_notation(
    browser: Browser, source: Make, written: str
) -> None:
    source(municipalities=[written])
    assert browser.enter("Ida")["Location"] == "/account/"


def test_several_municipalities_can_be_let_in(source: Make) -> None:
    source(municipalities=["147", "101"])
    for who in ("Ida", "Bo", "Tove"):
        assert Browser().enter(who)["Location"] == "/account/"


def test_the_issuer_may_be_the_address_of_the_document(
    browser: Browser, source: Make, standin: Standin
) -> None:
    source(issuer=f"{standin.issuer}/.well-known/openid-configuration")
    assert browser.enter("Ida")["Location"] == "/account/"
    assert Identity.objects.get().issuer == standin.issuer


def test_the_tokens_are_kept_sealed_and_none_of_them_is_shown(
    browser: Browser, source: Make
) -> None:
    source()
    browser.enter("Ida")
    tokens = tokens_of(typed(browser).uid)
    assert tokens is not None
    secrets = (tokens.access_token, tokens.refresh_token, tokens.id_token)
    assert all(secrets)
    shown = browser.site.get("/auth/session").content.decode()
    shown += browser.site.get("/account/").content.decode()
    cookies = "".join(morsel.value for morsel in browser.site.cookies.values())
    for secret in secrets:
        assert secret not in shown + cookies


def test_the_session_ends_with_the_refresh_token(browser: Browser, source: Make) -> None:
    source()
    browser.enter("Ida")
    session, tokens = typed(browser), tokens_of(typed(browser).uid)
    assert tokens is not None
    assert tokens.refresh_expires_at is not None
    ends = tokens.refresh_expires_at
    assert session.upstream_ends_at == session.refresh_expires_at == ends
    assert browser.session()["refresh_expires"] is not None


def test_the_second_sign_in_asks_for_nothing_that_is_known(source: Make) -> None:
    source()
    with outbound() as called:
        Browser().enter("Ida")
        assert sorted(called()) == [
            *("certs", "introspect", "openid-configuration", "token", "userinfo", "ws"),
        ]
    with outbound() as called:
        Browser().enter("Ida")
        assert sorted(called()) == ["introspect", "token", "userinfo"]


def test_answers_of_the_institution_service_can_be_asked_for_each_time(source: Make) -> None:
    source(cache_seconds=0)
    Browser().enter("Ida")
    with outbound() as called:
        Browser().enter("Ida")
        assert called().count("ws") == 1


def test_two_tabs_sign_in_side_by_side(browser: Browser, source: Make) -> None:
    source()
    browser.who = "Ida"
    first, second = browser.start("unilogin", "/account/apps"), browser.start("unilogin")
    landed = browser.deliver(browser.go(first))
    assert landed["Location"] == "/account/apps"
    assert browser.deliver(browser.go(second))["Location"] == "/account/"
    assert StoredSession.objects.count() == 1


def test_pupils_who_sign_in_at_once_share_what_is_learnt(source: Make) -> None:
    source()  # as many as may call the broker at a time: VESTIBULE_HTTP_PER_UPSTREAM
    outcomes = parallel(4, lambda: Browser(Client()).enter("Ida")["Location"])
    assert set(outcomes) == {"/account/"}
    assert User.objects.count() == 1
    assert StoredSession.objects.count() == 4

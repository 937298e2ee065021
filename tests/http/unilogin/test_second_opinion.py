"""The same provider against a certified OpenID provider, whose people have Unilogin's claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Source
from accounts.session import vault
from accounts.source import catalogue
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import failure
from tests.http.unilogin.conftest import Make, typed
from tests.http.unilogin.standin import Browser as Person
from tests.peers.certified import SECRET, Certified, certified

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def broker() -> Iterator[Certified]:
    redirect = "http://localhost:8000/auth/callback/unilogin"
    with certified(
        OP_REDIRECT_URIS=redirect, OP_AUTO_CONSENT="1", OP_ALWAYS_REFRESH="1", OP_PKCE_REQUIRED="1"
    ) as running:
        yield running


@pytest.fixture
def registered(source: Make, broker: Certified) -> Source:
    broker.clean()
    settings: dict[str, Any] = {
        "issuer": broker.issuer, "client_id": "portal-post", "client_secret": SECRET,
        "scope": "openid unilogin", "municipalities": ["999"],  # that of A04441 at the stand-in
    }  # fmt: skip
    return source(**settings)


def test_a_teacher_signs_in_is_renewed_and_leaves(registered: Source, broker: Certified) -> None:
    browser = Browser(Client(), "alice")
    assert browser.sign_in("unilogin")["Location"] == "/account/"
    told = browser.session()["uniLoginUserInfo"]
    assert told == {"sub": "alice", "uniid": "testuni1", "institutionIds": ["A04441"]}
    before = vault.tokens_of(typed(Person(browser.site)).uid)
    assert before is not None
    provider: Any = catalogue.instance(registered)
    after = provider.refresh(before)
    assert after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    vault.replace_tokens(typed(Person(browser.site)).uid, after)
    assert browser.leave()["Location"] == "/"
    assert broker.requests("/session/end")


def test_a_pupil_of_two_institutions_of_which_one_is_unknown_signs_in(
    registered: Source,
) -> None:
    browser = Browser(Client(), "bob")
    assert browser.sign_in("unilogin")["Location"] == "/account/"
    assert browser.session()["uniLoginUserInfo"]["institutionIds"] == ["A04441", "B12345"]


@pytest.mark.parametrize("who", ["carol", "dave", "eve"])
def test_without_a_licence_or_without_any_claim_nobody_comes_in(
    registered: Source, who: str
) -> None:
    failed = Browser(Client(), who).sign_in("unilogin")
    assert failure(failed).reason in {"not-authorized", "login-failed"}

"""The relying party modules of the OpenID Foundation, judged over the whole site.

What the provider does in each is told once, in tests/rfc/oidc_core. Here the judge is whether a
session exists afterwards, by a query and by a form_post answer (the plans `basic` and
`formpost-basic`), and whether whoever is refused is told so on a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.errors import InvalidGrant
from accounts.models import Event, Identity, StoredSession, StoredTokens, User
from accounts.session import vault
from accounts.session.store import SessionStore
from tests.http.oidc.browser import Answer, Browser
from tests.http.oidc.conftest import Make, failure
from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    jwk,
    tampering_provider,
)
from tests.rfc.oidc_core.test_conformance_modules import ACCEPTED, REFUSED_ID_TOKENS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

MODES = ("query", "form_post")


class Tampered:
    """The site with one source, whose provider does what a module says."""

    def __init__(self, op: OpenIdProvider, make: Make) -> None:
        self.op, self._make = op, make
        self.browser = Browser(Client())

    def source(self, **settings: Any) -> None:
        registered = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        self._make(SimpleNamespace(issuer=self.op.issuer), **{**registered, **settings})

    def sign_in(self, browser: Browser | None = None, mode: str = "query", **settings: Any) -> Any:
        """Sign in. Returns the callback's response."""
        browser = browser or self.browser
        self.source(response_mode=mode, **settings)
        answer = browser.go(browser.start("town"))
        method = "GET" if mode == "query" else "POST"
        return browser.deliver(Answer(method, answer.url, answer.values))

    def accepted(self, response: Any) -> None:
        assert (response.status_code, response["Location"]) == (303, "/account/")
        assert self.browser.session()["isLoggedIn"] is True
        assert Identity.objects.get().subject == SUBJECT

    def refused(self, response: Any, reason: str = "login-failed") -> None:
        event = failure(response)
        assert event.reason == reason, event.detail
        page = self.browser.site.get(response["Location"])
        assert page.status_code in {400, 403, 503}
        assert event.support_code in page.content.decode()
        assert self.browser.session() == {"isLoggedIn": False, "type": "anonymous"}
        for model in (StoredSession, StoredTokens, Identity, User):
            assert not model._default_manager.exists(), model


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running
    assert running.complaints == []


@pytest.fixture
def tampered(op: OpenIdProvider, source: Make) -> Tampered:
    return Tampered(op, source)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", ACCEPTED)
def test_a_session_exists_afterwards(tampered: Tampered, module: str, mode: str) -> None:
    ACCEPTED[module](tampered.op)
    tampered.accepted(tampered.sign_in(mode=mode))
    assert tampered.op.calls["userinfo"] == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", REFUSED_ID_TOKENS)
def test_no_session_exists_afterwards(tampered: Tampered, module: str, mode: str) -> None:
    REFUSED_ID_TOKENS[module](tampered.op)
    tampered.refused(tampered.sign_in(mode=mode))
    assert tampered.op.calls["userinfo"] == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-invalid-sub"])
def test_userinfo_of_somebody_else(tampered: Tampered, module: str, mode: str) -> None:
    tampered.op.userinfo["sub"] = SUBJECT + "invalid"
    tampered.refused(tampered.sign_in(mode=mode))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("module", ["oidcc-client-test-scope-userinfo-claims"])
def test_claims_of_the_scopes(tampered: Tampered, module: str, mode: str) -> None:
    tampered.op.userinfo.update(email="user@example.com", email_verified=False)
    tampered.accepted(tampered.sign_in(mode=mode, scope="openid email profile phone address"))
    assert User.objects.get().name == "Demo T. User"


@pytest.mark.parametrize("module", ["oidcc-client-test-discovery-openid-config"])
def test_discovery_comes_before_the_browser_leaves(tampered: Tampered, module: str) -> None:
    tampered.source()
    assert tampered.browser.start("town").startswith(tampered.op.url("authorize"))
    assert tampered.op.calls == {".well-known/openid-configuration": 1}


@pytest.mark.parametrize("module", ["oidcc-client-test-discovery-issuer-mismatch"])
def test_discovery_of_another_issuer(tampered: Tampered, module: str) -> None:
    tampered.op.document["issuer"] = tampered.op.issuer + "INVALID"
    tampered.source()
    tampered.refused(tampered.browser.site.get("/auth/login/town"), "temporarily-unavailable")
    assert tampered.op.calls["authorize"] == 0


@pytest.mark.parametrize(
    "module",
    [
        "oidcc-client-test-signing-key-rotation",
        "oidcc-client-test-signing-key-rotation-just-before-signing",
    ],
)
def test_keys_change(tampered: Tampered, module: str) -> None:
    tampered.sign_in(Browser(Client()))
    answer = tampered.browser.go(tampered.browser.start("town"))
    if module.endswith("just-before-signing"):
        tampered.op.jwks = []  # what stands there meanwhile is of no use to anybody
    tampered.op.key, tampered.op.jwks = "rsa-6", [jwk("rsa-6")]
    tampered.accepted(tampered.browser.deliver(answer))
    assert (tampered.op.calls["jwks"], tampered.op.calls["userinfo"]) == (2, 2)


@pytest.mark.parametrize("place", ["header", "body"])
@pytest.mark.parametrize(
    "module", ["oidcc-client-test-userinfo-bearer-header", "oidcc-client-test-userinfo-bearer-body"]
)
def test_where_the_access_token_stands(tampered: Tampered, module: str, place: str) -> None:
    tampered.op.bearer_in = module.rpartition("-")[2]
    response = tampered.sign_in(userinfo_bearer=place)
    if place == tampered.op.bearer_in:
        tampered.accepted(response)
    else:
        tampered.refused(response)


@pytest.mark.parametrize("module", ["oidcc-client-test-form-post-error"])
def test_an_error_by_form_post(tampered: Tampered, module: str) -> None:
    tampered.op.response.update(code=REMOVED, error="login_required", error_description="<b>no</b>")
    response = tampered.sign_in(mode="form_post", authorize={"max_age": "0", "prompt": "none"})
    tampered.refused(response)
    assert b"<b>no</b>" not in tampered.browser.site.get(response["Location"]).content
    assert tampered.op.calls["token"] == 0


@pytest.mark.parametrize(
    "module", ["oidcc-client-test-aggregated-claims", "oidcc-client-test-distributed-claims"]
)
def test_claims_of_others(tampered: Tampered, module: str) -> None:
    place = {"endpoint": tampered.op.url("elsewhere"), "JWT": "eyJhbGciOiJub25lIn0.e30."}
    tampered.op.userinfo.update(_claim_names={"credit": "src1"}, _claim_sources={"src1": place})
    tampered.accepted(tampered.sign_in(public=["credit", "_claim_sources"]))
    assert not {"credit", "_claim_sources"} & set(tampered.browser.session())
    assert tampered.op.calls["elsewhere"] == 0


@pytest.mark.parametrize("module", ["oidcc-client-test-userinfo-signed"])
@pytest.mark.parametrize("is_right", [True, False])
def test_signed_userinfo(tampered: Tampered, module: str, is_right: bool) -> None:
    op = tampered.op
    claims = {"iss": op.issuer, "aud": CLIENT_ID, "sub": SUBJECT, "name": "Signed"}
    signed = op.sign(claims)
    op.userinfo["signed"] = signed if is_right else f"{signed[:-40]}{'A' * 40}"
    response = tampered.sign_in()
    if is_right:
        tampered.accepted(response)
    else:
        tampered.refused(response)


# The modules of the refresh plan: an id_token in the answer of a refresh, and who it is of.
REFRESHED = {
    "oidcc-client-test-refresh-token": {},
    "oidcc-client-test-refresh-token-invalid-issuer": {"iss": "https://elsewhere.example/"},
    "oidcc-client-test-refresh-token-invalid-sub": {"sub": "somebody-else"},
}


@pytest.mark.parametrize("module", REFRESHED)
def test_a_refresh(tampered: Tampered, module: str) -> None:
    tampered.op.tokens["expires_in"] = 30
    tampered.accepted(tampered.sign_in())
    session = SessionStore(tampered.browser.site.cookies["vestibule"].value).typed
    tampered.op.claims.update(REFRESHED[module])
    when_due = timezone.now() + timedelta(seconds=28)
    if not REFRESHED[module]:
        before = vault.tokens_of(session.uid)
        with time_machine.travel(when_due):
            after = vault.fresh(session)
        assert before is not None
        assert after is not None
        assert after.access_token != before.access_token
        return
    with time_machine.travel(when_due), pytest.raises(InvalidGrant):
        vault.fresh(session)
    assert tampered.op.calls["userinfo"] == 1
    why = Event.objects.get(name="session.ended").detail
    assert why.startswith("what renewed it does not hold: The "), why
    assert tampered.browser.session() == {"isLoggedIn": False, "type": "anonymous"}
    assert not StoredTokens.objects.exists()


@pytest.mark.parametrize("said", [REMOVED, 0])
def test_who_cannot_prove_it_is_told_what_to_do(tampered: Tampered, said: Any) -> None:
    tampered.accepted(tampered.sign_in())
    tampered.op.claims["auth_time"] = said
    browser = tampered.browser
    url = browser.start("town", again="1")
    assert "prompt=login" in url
    refused = browser.deliver(browser.go(url))
    assert failure(refused).reason == "no-proof"
    page = browser.site.get(refused["Location"]).content.decode()
    assert "does not tell us when you last signed in there" in page
    assert "Sign in another way for this, or tell the institution" in page
    assert browser.session()["isLoggedIn"] is True

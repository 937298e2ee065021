"""docs/strength.md 3: a rule that asks for a strength, as it is stored and as it is asked (U35)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import Event, Source, StoredSession, User
from accounts.source import catalogue
from portal.configuration.toml import RefusedError
from portal.gateway import rule_file
from portal.gateway.models import AccessRule
from tests.http.at_front import by_django, shortly, told
from tests.http.conftest import PASSWORD, at_most, sign_in
from tests.http.gateway import test_rules_admin
from tests.http.gateway.asking import PAGE, rule
from tests.http.gateway.asking import ask as ask_at
from tests.http.gateway.test_app_passwords import basic, make
from tests.http.oauth.application import Application, register
from tests.http.oidc.browser import Browser
from tests.peers import fresh
from tests.peers.certified import SECRET, Certified, certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
HIGH = "urn:test:loa:high"
HOST = "localhost"  # where the site's own cookie arrives
CALLBACK = "http://localhost:8000/auth/callback/town"


@pytest.fixture(scope="module")
def provider() -> Any:
    with certified(OP_REDIRECT_URIS=CALLBACK, OP_AUTO_CONSENT="1") as running:
        yield running


@pytest.fixture
def cases(house: None) -> None:
    rule("cases", HOST, path="/cases", strength="substantial", order=1)
    rule("loans", HOST, path="/loans", strength="low", order=2)
    rule("files", HOST, order=3)


@pytest.fixture
def alice(person: User, cases: None) -> Client:
    client = Client()
    sign_in(client)
    return client


@pytest.fixture
def patron(provider: Certified, cases: None) -> Browser:
    """Give somebody who has signed in weakly at the certified provider."""
    registered = {"issuer": provider.issuer, "client_id": "portal", "client_secret": SECRET}
    settings = {**registered, "strengths": {"*": "low", HIGH: "substantial"}}
    catalogue.save(Source(slug="town", provider="oidc", settings=settings))
    fresh.sources()
    browser = Browser()
    browser.sign_in("town")
    return browser


def ask(client: Client | None = None, **asked: Any) -> Any:
    return ask_at(client, host=HOST, **asked)


def query_of(answer: Any) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(answer["Location"]).query).items()}


def test_a_password_opens_what_asks_for_low_and_no_more(alice: Client) -> None:
    assert ask(alice, path="/loans").status_code == 200
    refused = ask(alice, path="/cases/7")
    assert refused.status_code == 302
    assert query_of(refused) == {
        "next": f"https://{HOST}/cases/7", "again": "1", "strength": "substantial",
    }  # fmt: skip
    assert not Event.objects.filter(name="gateway.refused").exists(), "nobody is turned away"


def test_at_the_way_to_a_host_they_read_why_and_whose_source_is_gone_chooses(alice: Client) -> None:
    start = "/gateway/start?rd=http%3A%2F%2Flocalhost%2Fcases%2F7"
    asked = alice.get(start)["Location"]
    assert asked.startswith("/auth/login/local?")
    assert parse_qs(urlsplit(asked).query) == {
        "next": [start], "again": ["1"], "strength": ["substantial"],
    }  # fmt: skip
    Source.objects.filter(slug="local").update(enabled=False)
    fresh.sources()
    chooses = alice.get(start)["Location"]
    assert chooses.startswith("/login?choose=1&")
    assert alice.get(chooses).status_code == 200


def test_a_program_gets_the_challenge(alice: Client) -> None:
    refused = ask(alice, path="/cases/7", accept="application/json")
    assert refused.status_code == 401
    said = refused["WWW-Authenticate"]
    assert 'error="insufficient_user_authentication", acr_values="substantial"' in said
    assert "max_age" not in said
    assert refused.json()["error"] == "insufficient_user_authentication"
    by_nginx = ask(alice, path="/cases/7", query="?redirect=401")
    assert (by_nginx.status_code, query_of(by_nginx)["strength"]) == (401, "substantial")


def test_an_access_token_is_as_strong_as_the_sign_in_behind_it(alice: Client) -> None:
    app = Application(register(allowed_scopes="openid gateway"), alice)
    app.sign_in(scope="openid gateway")
    token = {"Authorization": f"Bearer {app.tokens['access_token']}"}
    assert ask(path="/loans", accept="*/*", **token).status_code == 200
    refused = ask(path="/cases", accept="*/*", **token)
    assert 'acr_values="substantial"' in refused["WWW-Authenticate"]


def test_an_app_password_is_one_factor_however_it_was_made(settings: Any, alice: Client) -> None:
    settings.VESTIBULE_APP_PASSWORDS = True
    password = make(alice)
    settings.VESTIBULE_STRENGTHS = ["low=high"]
    assert ask(alice, path="/cases").status_code == 200, "the sign-in counts as high now"
    calendar = {"method": "PROPFIND", "accept": "*/*", **basic(password)}
    assert ask(path="/loans", **calendar).status_code == 200
    assert ask(path="/cases", **calendar).status_code == 401


def test_a_stronger_sign_in_upstream_leads_back_to_the_application(patron: Browser) -> None:
    refused = ask(patron.site, path="/cases/7")
    door = patron.site.get(refused["Location"].removeprefix("http://localhost:8000"))
    why = patron.site.get(door["Location"])
    upstream = patron.site.get(why.context["onward"])["Location"]
    done = patron.deliver(patron.go(upstream))
    page = patron.site.get(done["Location"])
    assert f"https://{HOST}/cases/7" in page.content.decode()
    assert ask(patron.site, path="/cases/7").status_code == 200


def asked(cookie: str, path: str) -> Any:
    return told(
        "GET", "/gateway/check",
        HTTP_COOKIE=f"vestibule={cookie}", HTTP_ACCEPT=PAGE, HTTP_X_FORWARDED_METHOD="GET",
        HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_HOST=HOST, HTTP_X_FORWARDED_URI=path,
    )  # fmt: skip


def status(cookie: str, path: str) -> int:
    answer = shortly(asked(cookie, path))
    assert answer is not None
    assert answer.status == by_django(asked(cookie, path)).status
    return answer.status


def test_what_is_remembered_goes_with_what_the_operator_says(patron: Browser) -> None:
    cookie = patron.site.cookies["vestibule"].value
    assert status(cookie, "/loans") == 200
    assert status(cookie, "/cases") == 302
    with at_most(0):
        shortly(asked(cookie, "/cases"))
    row = catalogue.find("town").row  # type: ignore[union-attr]
    for means, expected in (("substantial", 200), ("none", 302)):
        row.settings = {**row.settings, "strengths": {"*": means}}
        catalogue.save(row)
        fresh.feed()
        assert status(cookie, "/cases") == expected
    assert status(cookie, "/loans") == 302


def test_a_new_sign_in_takes_the_place_of_what_is_remembered(alice: Client) -> None:
    before, cookie = StoredSession.objects.get().uid, alice.cookies["vestibule"].value
    assert status(cookie, "/loans") == 200
    sign_in(alice)
    fresh.feed()
    assert not StoredSession.objects.filter(uid=before).exists()
    assert status(cookie, "/loans") == 302


FILE = f"""
[rules.cases]
host = "{HOST}"
strength = "substantial"
"""


def test_a_file_says_it_and_is_told_what_is_wrong(house: None) -> None:
    rule_file.apply(FILE)
    assert AccessRule.objects.get().strength == "substantial"
    assert 'strength = "substantial"' in rule_file.export()
    for wrong, field in (
        (FILE.replace('"substantial"', '"medium"'), "strength"),
        (FILE + 'access = "public"\n', "access"),
    ):
        with pytest.raises(RefusedError) as refused:
            rule_file.apply(wrong)
        assert any(f"rules.cases.{field}" in each for each in refused.value.problems)


@pytest.fixture
def root(house: None) -> Client:
    User.objects.create_superuser("root", PASSWORD).give_local_identity()
    client = Client()
    sign_in(client, "root")
    return client


def test_the_administration_writes_it(root: Client) -> None:
    sent = test_rules_admin.form(slug="cases", host=HOST, strength="high")
    assert root.post("/admin/gateway/accessrule/add/", sent).status_code == 302
    assert AccessRule.objects.get().strength == "high"


def test_it_is_tried_before_it_counts(root: Client, cases: None, capsys: Any) -> None:
    url, said = f"https://{HOST}/cases", "The sign-in is too weak: a stronger one is asked for."
    for level, expected in (("low", f"302  {said}"), ("high", "200  ")):
        call_command("rules", "test", url, "--type", "local", "--strength", level)
        assert capsys.readouterr().out.startswith(expected)
    tried = {"url": url, "method": "GET", "manner": "page", "type": "local", "strength": "low"}
    assert said in root.get("/admin/gateway/accessrule/try/", tried).content.decode()

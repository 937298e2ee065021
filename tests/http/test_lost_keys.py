"""docs/operations.md 5: a key that was taken away signs out, once and plainly; nothing breaks."""

from __future__ import annotations

import contextlib
import io
import json
import re
from base64 import b64encode
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

from accounts.keyring import seal
from accounts.models import Event, Farewell, Source, StoredSession, User
from accounts.session import farewell
from accounts.source import catalogue
from portal.authorization_server import keys
from portal.authorization_server.models import AccessToken, Grant, RefreshToken, ToldSession
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oidc.conftest import parallel
from tests.peers import fresh

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = (
    *("signed_in_at", "expires_at", "refresh_expires_at", "upstream_ends_at"),
    "tokens_expire_at",
)
OLD, NEW = (b64encode(bytes([n, *range(31)])).decode() for n in (210, 211))


def gone(**settings: Any) -> Any:
    """Run on with another key, as workers that have been started anew do."""
    keys._known.forget()
    fresh.worker()
    return override_settings(VESTIBULE_VAULT_KEYS=[NEW], **settings)


@pytest.fixture
def app(person: User) -> Application:
    """Give an application, and alice, who is signed in there and in her browser."""
    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        keys._known.forget()
        browser = Client()
        sign_in(browser)
        own = Application(register(), browser)
        own.sign_in(scope="openid offline_access")
    return own


def test_it_signs_out_with_one_event_and_a_word(app: Application) -> None:
    with gone():
        for path in ("/", "/auth/session", "/account/", "/account/", "/login"):
            answer = app.browser.get(path, follow=True)
            assert answer.status_code == 200, path
        assert b"can no longer read your session" in app.browser.get("/login").content
        assert not app.browser.get("/auth/session").json()["isLoggedIn"]
        (told,) = Event.objects.filter(name="session.unreadable")
        assert (told.reason, told.user, told.actor) == ("key-gone", User.objects.get(), "site")
        sign_in(app.browser)
        assert app.browser.get("/auth/session").json()["isLoggedIn"]
        assert b"no longer read" not in app.browser.get("/account/").content


def test_whoever_signs_in_next_gets_nothing_of_it(app: Application) -> None:
    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        child = StoredSession.objects.get(kind="client")
        app.sign_in(scope="openid profile")  # held by the browser's session itself
        former = stored(app.browser)
        assert app.userinfo().status_code == 200
    User.objects.create_user("bob", PASSWORD, name="Bob").give_local_identity()
    with gone():
        sign_in(app.browser, "bob")
        mine = stored(app.browser)
        assert mine.user == User.objects.get(username="bob")
        assert not StoredSession.objects.filter(pk=former.pk).exists()
        assert app.userinfo().status_code == 401
        for model in (AccessToken, RefreshToken, Grant, ToldSession):
            assert not model.objects.filter(session__user=mine.user).exists(), model
        assert StoredSession.objects.get(pk=child.pk).parent_uid == former.uid
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        assert app.userinfo().status_code == 401


def test_the_event_tells_what_is_wrong_with_it(app: Application) -> None:
    def reason() -> str:
        app.browser.get("/auth/session")
        told = Event.objects.filter(name="session.unreadable").latest("pk").reason
        Farewell.objects.all().delete()
        return str(told)

    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        row = stored(app.browser)
        typed = {"uid": row.uid, "type": "of-a-wheel", **dict.fromkeys(TIMES)}
        strange = seal({"vestibule": typed}, "session", row.session_key)
        for text, why in ((strange, "not-understood"), (strange[:-4] + "AAAA", "damaged")):
            StoredSession.objects.filter(pk=row.pk).update(session_data=text)
            fresh.caches()
            assert reason() == why


def test_applications_ask_who_it_is_when_it_is_not_understood(app: Application) -> None:
    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        page, row = app.ask(), stored(app.browser)
        typed = {"uid": row.uid, "type": "of-a-wheel", **dict.fromkeys(TIMES)}
        strange = seal({"vestibule": typed}, "session", row.session_key)
        StoredSession.objects.filter(pk=row.pk).update(session_data=strange)
        fresh.caches()
        leave = app.browser.get("/oauth/logout", {"id_token_hint": app.tokens["id_token"]})
        assert (leave.status_code, leave.templates[0].name) == (200, "logout/confirm.html")
        there = app.browser.get(app.landing(app.allow(page)))["Location"]
        assert there.startswith("/login?next=%2Foauth%2Fauthorize")


def test_of_many_requests_at_once_one_records_it(app: Application) -> None:
    cookie = app.browser.cookies["vestibule"].value

    def look() -> int:
        own = Client()
        own.cookies["vestibule"] = cookie
        return own.get("/auth/session").status_code

    with gone():
        assert parallel(8, look) == [200] * 8
    assert Event.objects.filter(name="session.unreadable").count() == 1


def test_a_key_that_is_put_back_opens_all_again(app: Application) -> None:
    with gone():
        assert not app.browser.get("/auth/session").json()["isLoggedIn"]
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        keys._known.forget()
        assert app.browser.get("/auth/session").json()["isLoggedIn"]
        assert app.userinfo().status_code == 200
        assert app.id_token()["sub"]
    farewell.say(StoredSession.objects.all(), farewell.ADMINISTRATOR)
    assert {each.why for each in Farewell.objects.all()} == {farewell.ADMINISTRATOR}


@pytest.mark.remembers
def test_applications_are_told_by_the_code_of_the_rfc(app: Application) -> None:
    with gone():
        answer = app.userinfo()
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        for path, status in (("/oauth/jwks", 503), ("/oauth/logout", 303), ("/readyz", 200)):
            assert app.back.get(path).status_code == status
        hint = {"id_token_hint": app.tokens["id_token"]}
        assert app.browser.get("/oauth/logout", hint).status_code == 400
        answer = app.refresh()
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer["Retry-After"]
        keys.rotate(at_once=True)
        answer = app.refresh()
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        sign_in(app.browser)
        app.sign_in()
        assert app.id_token()["sub"] == User.objects.get().uid
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        keys._known.forget()
        assert len(keys.published()) == 2  # what was signed before the loss is verified again


def test_a_new_signing_key_is_published_before_it_signs(app: Application) -> None:
    def kid() -> str:
        return str(jwt.get_unverified_header(app.tokens["id_token"])["kid"])

    with (
        override_settings(VESTIBULE_VAULT_KEYS=[OLD]),
        time_machine.travel(timezone.now() + timedelta(hours=1)) as clock,
    ):
        first = kid()
        second = keys.rotate()
        assert [each["kid"] for each in keys.published()] == [second, first]
        app.refresh()
        assert kid() == first
        before = app.tokens["id_token"]
        clock.shift(keys.PUBLISHED_FIRST)
        keys._known.forget()
        app.refresh()
        assert kid() == second
        assert keys.claims_of(before)["sub"] == app.id_token()["sub"]
        third = keys.rotate(at_once=True)
        app.refresh()
        assert kid() == third


@pytest.fixture
def town(app: Application) -> Source:
    """Give a source whose secret the former key has sealed."""
    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        settings = {"upstream": "http://127.0.0.1:1", "secret": "kept"}
        row = Source(slug="town", provider="tenant", settings=settings)
        catalogue.save(row)
    return row


def doctor(subject: str) -> str:
    out = io.StringIO()
    with contextlib.suppress(CommandError):
        call_command("doctor", subject, stdout=out)
    return out.getvalue()


def test_the_doctor_tells_which_keys_are_needed(town: Source) -> None:
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        said = doctor("keys")
        assert "Key 1 of VESTIBULE_VAULT_KEYS" in said
        assert "seals nothing that is kept" in said
        assert re.search(r"ok +Key 2 .* seals: sessions \d, signing keys 1, secrets of .* 1", said)
        assert "Before you take it out: manage.py rotate_keys" in said
        call_command("rotate_keys", stdout=io.StringIO())
        said = doctor("keys")
        assert re.search(r"Key 1 .* seals: sessions \d, signing keys 1, secrets of sources 1", said)
        assert re.search(r"Key 2 .* seals nothing", said)


def test_what_is_lost_for_good_is_forgotten(town: Source, app: Application) -> None:
    with gone():
        assert re.search(r"FAIL +A key that is not in .* has sealed: sessions \d", doctor("keys"))
        with pytest.raises(CommandError, match="secrets of sources 1"):  # typed anew by somebody
            call_command("rotate_keys", "--forget-lost", stdout=io.StringIO())
        assert not StoredSession.objects.exists()
        assert "sessions" not in doctor("keys")
        assert "secrets of sources 1" in doctor("keys")
        Source.objects.filter(pk=town.pk).delete()
        assert "has sealed" not in doctor("keys")
        assert len(keys.published()) == 1
        sign_in(app.browser)
        assert app.sign_in()["id_token"]


@pytest.mark.remembers
def test_a_source_with_a_lost_secret_says_so(town: Source) -> None:
    User.objects.create_superuser("ada", PASSWORD)
    ada = Client()
    with gone():
        sign_in(ada, "ada")
        said = "The secret of secret cannot be read."
        assert said in ada.get("/admin/accounts/source/").content.decode()
        form = f"/admin/accounts/source/{town.pk}/change/"
        page = ada.get(form).content.decode()
        assert f"{said} Nobody can sign in by this source." in page
        assert said in doctor("sources")
        ready = ada.get("/readyz")
        assert (ready.status_code, ready.json()["sources"]["town"]) == (200, "unreadable")
        assert "Town" not in ada.get("/login?choose=1").content.decode()
        settings = json.dumps({"upstream": "http://127.0.0.1:1", "secret": "typed anew"})
        typed = {"slug": "town", "provider": "tenant", "order": "100", "enabled": "on",
                 "settings": settings, "groups": "{}", "texts": "{}"}  # fmt: skip
        assert ada.post(f"{form}?json=1", typed).status_code == 302
        page = ada.get(form).content.decode()
        assert "Nobody can sign in by this source." not in page
        assert ada.get("/readyz").json()["sources"]["town"] == "ok"
        assert catalogue.instance(Source.objects.get(slug="town")).settings.secret == "typed anew"

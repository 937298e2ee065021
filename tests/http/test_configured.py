"""What an operator can set by the environment, seen from outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Source, User
from tests.http.conftest import sign_in
from tests.http.onward import onward
from tests.peers.commands import manage
from tests.peers.site import environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
Tenant = Callable[..., Source]


def test_the_default_source_is_gone_to_straight(
    client: Client, tenant: Tenant, person: User, settings: Any
) -> None:
    tenant()
    settings.VESTIBULE_DEFAULT_SOURCE = "town"
    assert client.get("/login?next=/account/")["Location"] == (
        "/auth/login/town?next=%2Faccount%2F"
    )
    assert client.get("/login?choose=1").status_code == 200
    settings.VESTIBULE_DEFAULT_SOURCE = "gone"
    assert client.get("/login").status_code == 200


def test_the_institutions_own_front_page_is_led_to_when_there_is_nothing_to_tell(
    client: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_FRONTPAGE_URL = "https://www.example.org/"
    assert client.get("/")["Location"] == "https://www.example.org/"
    sign_in(client)
    client.post("/auth/logout")
    assert client.get("/").status_code == 200
    assert client.get("/")["Location"] == "https://www.example.org/"


def test_a_front_end_that_is_configured_may_be_returned_to(
    client: Client, person: User, settings: Any
) -> None:
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://front.example"]
    page = client.get("/auth/login/local?next=https://front.example/books")
    form = {
        "username": "alice",
        "password": "correct horse battery staple",
        "next": page.context["next"],
    }
    entered = onward(client, client.post("/auth/login/local", form))
    assert entered["Location"] == "https://front.example/books"
    evil = client.get("/login?next=https://front.example.evil.example/")
    assert evil["Location"] == "/account/"


def printed(tmp_path: Path, code: str, **given: str) -> str:
    env = environment({"VESTIBULE_DATA": str(tmp_path), **given})
    done = manage(["shell", "--verbosity=0", "-c", code], env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_over_https_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    code = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE,"
        " s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS > 0, s.CSRF_COOKIE_NAME,"
        " s.LANGUAGE_COOKIE_NAME)"
    )
    told = printed(tmp_path, code, VESTIBULE_SITE_URL="https://login.example.org")
    assert told.split() == [
        "__Host-vestibule", *["True"] * 4, "__Host-csrftoken", "__Host-vestibule-language"
    ]  # fmt: skip
    plain = printed(tmp_path, code)
    assert plain == "vestibule False False False False csrftoken vestibule-language"


def test_a_blank_behind_a_comma_takes_nothing_away(tmp_path: Path) -> None:
    names = (
        "VESTIBULE_ALLOWED_HOSTS",
        "VESTIBULE_TRUSTED_PROXIES",
        "VESTIBULE_PROVIDER_WHEELS",
        "VESTIBULE_ALARM_MAIL",
    )
    code = (
        "from django.conf import settings as s;"
        "print(s.ALLOWED_HOSTS[1:], s.VESTIBULE_TRUSTED_PROXIES, s.VESTIBULE_PROVIDER_WHEELS,"
        " s.VESTIBULE_ALARM_MAIL)"
    )
    told = printed(tmp_path, code, **dict.fromkeys(names, "10.0.0.5, 10.0.0.6 ,"))
    assert told == " ".join(["['10.0.0.5', '10.0.0.6']"] * 4)


@pytest.mark.parametrize("url", ["login.example.org", "https://a.example/path", "ftp://a.example"])
def test_a_site_url_that_is_no_origin_is_refused_in_one_sentence(tmp_path: Path, url: str) -> None:
    env = environment({"VESTIBULE_DATA": str(tmp_path), "VESTIBULE_SITE_URL": url})
    done = manage(["check"], env)
    assert done.returncode == 1
    assert "VESTIBULE_SITE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_embedded_database_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "vestibule.sqlite3").touch(0o644)  # of an earlier version
        code = "from django.db import connection as c; print(c.cursor().execute('select 1'))"
        printed(tmp_path, code)
    finally:
        os.umask(before)
    for file in tmp_path.glob("vestibule.sqlite3*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_an_embedded_house_makes_its_keys_once(tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECRET_KEY)"
    first = printed(tmp_path, code)
    assert len(first) >= 50
    assert printed(tmp_path, code) == first
    assert (tmp_path / "keys.json").stat().st_mode & 0o077 == 0


def test_where_both_keys_are_given_none_are_made(tmp_path: Path) -> None:
    given = {"VESTIBULE_SECRET_KEY": "k" * 50, "VESTIBULE_VAULT_KEYS": "v" * 43 + "="}
    code = "from django.conf import settings; print(settings.SECRET_KEY)"
    assert printed(tmp_path, code, **given) == given["VESTIBULE_SECRET_KEY"]
    assert not (tmp_path / "keys.json").exists()
    first, *_ = given
    assert printed(tmp_path, code, **{first: given[first]}) == given[first]
    assert (tmp_path / "keys.json").exists(), "the other one is needed"

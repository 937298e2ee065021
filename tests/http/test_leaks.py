"""What a page, or an address that somebody tries, tells of the inside: nothing (X13, X17)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from accounts.source import catalogue
from tests.http.conftest import sign_in

TRIED = (
    "/.git/config", "/.git/HEAD", "/.env", "/.htaccess", "/__debug__/", "/debug", "/settings.py",
    "/manage.py", "/db.sqlite3", "/keys.json", "/static/../settings.py",
    "/static/%2e%2e/settings.py",
    "/static/..%2f..%2f.git/config", "/static/css/site.css.map", "/server-status", "/phpinfo.php",
    "/actuator/env", "/.well-known/../.env", "/wp-login.php",
)  # fmt: skip
OF_A_PERSON = ("/account/", "/auth/session", "/auth/token", "/account/password", "/admin/")


@pytest.fixture
def alice(person: User) -> Client:
    client = Client(raise_request_exception=False)
    sign_in(client)
    return client


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_x17_the_page_of_a_defect_tells_nothing_of_it(
    alice: Client, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def broken(_slug: str) -> str:
        hidden = "the words of the defect"
        raise RuntimeError(hidden)

    monkeypatch.setattr(catalogue, "label_of", broken)
    answer = alice.get("/account/", headers={"Accept": kind})
    said = answer.content.decode()
    assert answer.status_code == 500
    for word in ("Traceback", "RuntimeError", "words of the defect", ".py", "broken",
                 "django", "SECRET", str(Path.cwd()), "alice"):  # fmt: skip
        assert word not in said, word


def test_x17_nothing_but_pages_is_served(house: None) -> None:
    stranger = Client(raise_request_exception=False)
    found = {path: stranger.get(path).status_code for path in TRIED}
    assert found == dict.fromkeys(TRIED, 404)


def test_x17_no_file_for_browsers_names_its_source() -> None:
    """A source map would be asked for by each browser whose tools are open."""
    files = [path for each in (Path("portal"), Path("templates")) for path in each.rglob("*.*")]
    assert not [path for path in files if path.suffix == ".map"]
    scripts = [path for path in files if path.suffix in {".js", ".css"}]
    assert scripts
    assert not [path for path in scripts if "sourceMappingURL" in path.read_text()]


def test_x17_debug_is_off_where_nothing_is_set() -> None:
    assert settings.DEBUG is False


@pytest.mark.parametrize("ending", ["x.css", "x.js", "logo.png", "x.css?v=1", ";x.css", "%2fx.css"])
def test_x13_no_page_of_a_person_is_found_under_a_files_name(alice: Client, ending: str) -> None:
    """What a cache keeps by its ending: nobody's page."""
    for path in OF_A_PERSON:
        for tried in (f"{path}{ending}", f"{path.rstrip('/')}/{ending}"):
            answer: Any = alice.get(tried)
            assert answer.status_code in {302, 403, 404}, tried
            assert "Alice" not in answer.content.decode(), tried
            kept = answer.headers.get("Cache-Control", "")
            assert re.search("no-store|private", kept), (tried, kept)

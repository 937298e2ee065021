"""`/docs`: the API as people read it (docs/contract.md 7)."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import Client
from drf_spectacular import plumbing
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme

from portal.api import json_view
from portal.api.docs_page import _shown

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_route_of_the_description_is_on_the_page(client: Client, house: None) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    text = page.content.decode()
    kind = "application/vnd.oai.openapi+json"
    schema = json.loads(client.get("/api/schema/", headers={"Accept": kind}).content)
    for path, methods in schema["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_code_is_shown_as_code(client: Client, house: None) -> None:
    text = client.get("/docs").content.decode()
    assert "`" not in text
    assert "the value of the header <code>X-CSRFToken</code>" in text


@pytest.mark.wire
@pytest.mark.parametrize("path", ["/docs", "/api/schema/?version=%0a"])
def test_many_may_be_the_first_who_ask(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new worker, which has not found out yet what is not installed."""
    load = plumbing.import_string

    def slowly(name: str) -> Any:
        time.sleep(0.05)
        return load(name)

    monkeypatch.setattr(plumbing, "import_string", slowly)
    monkeypatch.setattr(KnoxTokenScheme, "target_class", "knox.auth.TokenAuthentication")
    json_view._made.cache_clear()

    def status(_: int) -> int:
        return Client(raise_request_exception=False).get(path).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(status, range(8))) == {200}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a `b` c", "a <code>b</code> c"), ("`b`", "<code>b</code>"), ("a ` b", "a ` b"), ("", ""),
        ("a `<i>` & `c", "a <code>&lt;i&gt;</code> &amp; `c"),
        ("{0} `{1}`", "{0} <code>{1}</code>"),
    ],
)  # fmt: skip
def test_nothing_of_a_description_is_taken_for_html(said: str, shown: str) -> None:
    assert _shown({"description": said}) == shown

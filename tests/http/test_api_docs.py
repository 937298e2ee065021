"""`/docs`: the API as people read it (docs/contract.md 7)."""

from __future__ import annotations

import json

import pytest
from django.test import Client

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
    assert "the value of the cookie <code>csrftoken</code>" in text


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

"""`/docs`: the API as people read it (docs/contract.md 7)."""

from __future__ import annotations

import json

import pytest
from django.test import Client

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

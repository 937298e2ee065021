"""What crawlers, browsers and password managers look for (docs/contract.md 1)."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)


def test_crawlers_are_told_what_they_may_fetch_and_keep(client: Client, house: None) -> None:
    answer = client.get("/robots.txt")
    assert answer["Content-Type"].startswith("text/plain")
    assert "Disallow: /account/" in answer.content.decode()
    for path in ("/", "/login", "/nowhere"):
        assert '<meta name="robots" content="noindex">' in client.get(path).content.decode()


def test_a_password_manager_finds_the_page(client: Client, db: None) -> None:
    answer = client.get("/.well-known/change-password")
    assert (answer.status_code, answer["Location"]) == (303, "/account/password")


@pytest.mark.parametrize("colour", ["", "#7a1f3d", "#ffee88"])
def test_the_icon_has_the_institutions_colour(client: Client, settings: Any, colour: str) -> None:
    settings.VESTIBULE_INSTITUTION = {**settings.VESTIBULE_INSTITUTION, "colour": colour}
    svg = client.get("/icon.svg")
    assert svg["Content-Type"] == "image/svg+xml"
    assert f'fill="{colour or "#1b4d4f"}"' in svg.content.decode()
    png = client.get("/apple-touch-icon.png")
    assert png["Content-Type"] == "image/png"
    assert struct.unpack(">II", png.content[16:24]) == (180, 180)
    assert client.get("/favicon.ico")["Location"] == "/icon.svg"

"""RFC 7033: WebFinger names the issuer to everybody, and tells nobody who has an account (attack
U03 of docs/threats.md).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.wire]

PATH = "/.well-known/webfinger"
SITE = "http://localhost:8000"
ISSUER = "http://openid.net/specs/connect/1.0/issuer"
LINKS = [{"rel": ISSUER, "href": SITE}]


def ask(client: Client, **query: Any) -> Any:
    return client.get(PATH, query)


@pytest.mark.parametrize(
    "resource", ["acct:alice@localhost", "https://files.example.org", "mailto:alice@example.org"]
)
def test_4_2_a_resource_has_the_issuer(client: Client, house: None, resource: str) -> None:
    answer = ask(client, resource=resource)
    assert answer.status_code == 200
    assert answer.json() == {"subject": resource, "links": LINKS}


@pytest.mark.parametrize(
    "resource",
    ["", "alice", "alice@localhost", "acct:", "acct:a b", "acct:é@x", "acct:a\n@x", ":x", "1:x",
     "acct:" + "a" * 5000, "acct:\0"],
)  # fmt: skip
def test_4_2_a_malformed_resource_is_refused(client: Client, house: None, resource: str) -> None:
    answer = ask(client, resource=resource)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_4_2_a_resource_is_named_once(client: Client, house: None) -> None:
    assert client.get(PATH).status_code == 400
    assert ask(client, resource=["acct:a@x", "acct:b@x"]).status_code == 400


def test_4_3_rel_picks_links(client: Client, house: None) -> None:
    asked = {"resource": "acct:alice@localhost"}
    assert ask(client, **asked, rel=["http://x.example/rel", ISSUER]).json()["links"] == LINKS
    assert ask(client, **asked, rel="http://x.example/rel").json()["links"] == []


def test_4_4_and_5_the_type_and_who_may_read_it(client: Client, house: None) -> None:
    answer = ask(client, resource="acct:alice@localhost")
    assert answer["Content-Type"] == "application/jrd+json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "max-age" in answer["Cache-Control"]
    assert client.head(PATH, {"resource": "acct:a@x"}).status_code == 200
    assert client.post(PATH).status_code == 405


def test_u03_who_has_an_account_is_answered_like_anybody(client: Client, person: User) -> None:
    known, nobody = (
        ask(client, resource=f"acct:{name}@localhost").json() for name in ("alice", "nobody")
    )
    assert known["links"] == nobody["links"]
    assert set(known) == set(nobody) == {"subject", "links"}

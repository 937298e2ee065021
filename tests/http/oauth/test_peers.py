"""Clients that nobody here wrote, against the real site: npm openid-client and oauth4webapi."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.http.oauth.publisher import publishing
from tests.peers.applications import Person, running
from tests.peers.site import Site

pytestmark = pytest.mark.wire

PASSWORD = "correct horse battery staple"
SECRET = "s" * 43
CALLBACK = "https://app.example/callback"
KEY = {"kid": "k1", **ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)}
PUBLIC = {name: KEY[name] for name in ("kid", "kty", "crv", "x", "y")}
CLIENTS = f"""
[clients.web]
name = "Web"
kind = "server"
auth_method = "client_secret_basic"
client_secret = "{SECRET}"
redirect_uris = ["{CALLBACK}"]
[clients.signer]
name = "Signer"
kind = "server"
auth_method = "private_key_jwt"
redirect_uris = ["{CALLBACK}"]
jwks = {{ keys = [{{ {", ".join(f'{name} = "{value}"' for name, value in PUBLIC.items())} }}] }}
[clients.publisher]
name = "Publisher"
kind = "server"
auth_method = "private_key_jwt"
redirect_uris = ["{CALLBACK}"]
jwks_uri = "KEYS"
[clients.page]
name = "Page"
redirect_uris = ["{CALLBACK}"]
[clients.tv]
name = "TV"
kind = "device"
"""
PEOPLE = f"""
from accounts.models import User
user = User.objects.create_user("alice", {PASSWORD!r}, name="Alice", email="alice@example.org")
user.give_local_identity()
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Iterator[Site]:
    own = site({"VESTIBULE_HTTP_PLAIN": "true"})
    own.manage("shell", "--verbosity=0", stdin=PEOPLE)
    with publishing(PUBLIC) as publisher:
        own.manage("clients", "apply", "-", stdin=CLIENTS.replace("KEYS", publisher.url))
        yield own


@pytest.fixture
def alice(house: Site) -> Person:
    own = Person(house.url)
    own.sign_in("alice", PASSWORD)
    return own


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "client_id", "more"),
    [
        ("code", "web", {"secret": SECRET}),
        ("par", "web", {"secret": SECRET}),
        ("key", "signer", {"key": json.dumps(KEY)}),
        ("key", "publisher", {"key": json.dumps(KEY)}),
        ("public", "page", {}),
        ("device", "tv", {}),
    ],
)
def test_openid_client(
    house: Site, alice: Person, way: str, client_id: str, more: dict[str, str]
) -> None:
    known = {"issuer": house.url, "way": way, "client_id": client_id, "callback": CALLBACK}
    with running("openid-client", **known, **more) as app:
        landed = alice.visit(app.says()["visit"])
        if way != "device":
            app.tell(landed)
        told = app.says()
    assert told["claims"]["amr"] == ["pwd"]
    assert told["person"]["name"] == "Alice"
    assert told["renewed"] is True
    if more:
        assert told["introspected"]["active"] is True
        assert told["introspected"]["client_id"] == client_id
        assert told["revoked"] == {"active": False}
    assert told["logout"].startswith(f"{house.url}/oauth/logout?id_token_hint=")
    page = alice.http.get(told["logout"])
    asked = "Do you want to sign out?" in page.text
    assert asked == (way == "device"), "a device is another session than the browser's"
    signed_in = alice.http.get(f"{house.url}/auth/session").json()["isLoggedIn"]
    assert signed_in == (way == "device")


@pytest.mark.slow
def test_oauth4webapi(house: Site, alice: Person) -> None:
    known = {"issuer": house.url, "client_id": "page", "callback": CALLBACK}
    with running("oauth4webapi", **known) as app:
        app.tell(alice.visit(app.says()["visit"]))
        told = app.says()
    assert told["person"]["email"] == "alice@example.org"
    assert (told["refused"], told["dead"]) == ("invalid_grant", 401)
    assert 'error="invalid_token"' in told["challenge"]


@pytest.mark.slow
def test_a_page_elsewhere_reads_discovery_and_nothing_of_the_person(house: Site) -> None:
    origin = {"Origin": "https://evil.example"}
    found = requests.get(f"{house.url}/.well-known/openid-configuration", headers=origin)
    assert found.headers["Access-Control-Allow-Origin"] == "*"
    refused = requests.post(f"{house.url}/oauth/token", {"grant_type": "x"}, headers=origin)
    assert "Access-Control-Allow-Origin" not in refused.headers

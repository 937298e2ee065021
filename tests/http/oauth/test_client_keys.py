"""Keys that a client publishes itself (RFC 7591, 2: `jwks_uri`); attacks J09, J10 and J12."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from portal.authorization_server import client_keys
from portal.authorization_server.models import Client
from tests.http.oauth.application import Application, register
from tests.http.oauth.publisher import Publisher, publishing
from tests.http.oauth.test_client_authentication import PUBLIC, RSA, Signer, assertion, refused

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
NEW = ec.generate_private_key(ec.SECP256R1())
NEW_PUBLIC = {"kid": "two", **ECAlgorithm.to_jwk(NEW.public_key(), as_dict=True)}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing(PUBLIC) as own:
        yield own


@pytest.fixture
def signer(browser: Browser, publisher: Publisher) -> Signer:
    row = register(
        "signer",
        kind=Client.Kind.SERVER,
        auth_method="private_key_jwt",
        jwks_uri=publisher.url,
    )
    return Signer(row, browser)


def by_the_new_key(**changes: Any) -> str:
    return assertion(NEW, kid="two", **changes)


def test_keys_are_fetched_once_and_kept(signer: Signer, publisher: Publisher) -> None:
    signer.sign_in(scope="openid offline_access")
    assert signer.refresh().status_code == 200
    assert publisher.asked == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert refused(signer, assertion()) == ""
    assert publisher.asked == 2


def test_a_new_key_is_fetched_at_once_and_once_in_thirty_seconds(
    signer: Signer, publisher: Publisher
) -> None:
    assert refused(signer, assertion()) == ""
    publisher.keys.append(NEW_PUBLIC)
    assert refused(signer, by_the_new_key()) == ""
    assert refused(signer, assertion()) == "", "the former key counts while it is published"
    assert publisher.asked == 2
    for _number in range(5):
        assert refused(signer, assertion(NEW, kid="three")) == "invalid_client"
    assert publisher.asked <= 3
    publisher.keys = [NEW_PUBLIC]
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert refused(signer, by_the_new_key()) == ""
        assert refused(signer, assertion()) == "invalid_client"


def test_a_key_that_is_replaced_under_its_name(signer: Signer, publisher: Publisher) -> None:
    assert refused(signer, assertion()) == ""
    publisher.keys = [{**NEW_PUBLIC, "kid": "one"}]
    assert refused(signer, assertion(NEW)) == ""
    public = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    publisher.keys = [{**public, "kid": "one"}]
    with time_machine.travel(timezone.now() + timedelta(seconds=40)):
        assert refused(signer, assertion(RSA, "RS256")) == "", "of another type"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""), (404, b""), (302, b""), (200, b"{"), (200, b"[]"), (200, b'{"keys": []}'),
        (200, b'{"keys": [{"kty": "oct", "k": "AA"}]}'), (200, b" " * 300_000),
    ],
)  # fmt: skip
def test_j10_the_last_good_copy_counts_while_there_is_trouble(
    signer: Signer, publisher: Publisher, status: int, body: bytes
) -> None:
    assert refused(signer, assertion()) == ""
    publisher.status, publisher.body = status, body
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert refused(signer, assertion()) == ""
        assert refused(signer, by_the_new_key()) == "invalid_client"


def test_j10_without_a_copy_it_is_said_when_to_come_back(
    signer: Signer, publisher: Publisher
) -> None:
    publisher.keys = []
    for _number in range(5):
        signer.next_assertion = assertion()
        answer = signer.post("/oauth/revoke", {"token": "x"})
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert int(answer["Retry-After"]) > 0
    assert publisher.asked == 1, "whoever sends assertions in its name"
    publisher.keys = [PUBLIC]
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert refused(signer, assertion()) == ""


def test_j12_addresses_inside_are_not_called(
    signer: Signer, publisher: Publisher, settings: Any
) -> None:
    settings.VESTIBULE_HTTP_INSIDE = settings.VESTIBULE_HTTP_PLAIN = False
    Client.objects.update(jwks_uri=publisher.url.replace("http:", "https:"))
    signer.next_assertion = assertion()
    assert signer.post("/oauth/revoke", {"token": "x"}).status_code == 503
    assert publisher.asked == 0


def test_another_method_fetches_nothing(
    browser: Browser, signer: Signer, publisher: Publisher
) -> None:
    public = Application(register("public"), browser)
    assert public.sign_in()
    assert refused(signer, assertion(sub="nobody", iss="nobody")) == "invalid_client"
    assert publisher.asked == 0


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"jwks_uri": "ftp://app.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "https://u@app.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "https://app.example/jwks", "jwks": {"keys": [PUBLIC]}}, "jwks_uri"),
        ({}, "jwks"),
    ],
)
def test_what_may_be_registered(house: None, columns: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        register("bad", kind=Client.Kind.SERVER, auth_method="private_key_jwt", **columns)
    assert set(refusal.value.message_dict) == {field}


RSA_KEY = RSAAlgorithm.to_jwk(
    rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(), as_dict=True
)
WEAK = RSAAlgorithm.to_jwk(
    rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(), as_dict=True
)
P384 = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True)


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA_KEY, ("RS256", "PS256")),
        ({**RSA_KEY, "alg": "PS256"}, ("PS256",)),
        ({**RSA_KEY, "key_ops": ["verify"]}, ("RS256", "PS256")),
        (NEW_PUBLIC, ("ES256",)),
        ({**RSA_KEY, "key_ops": ["encrypt"]}, None),
        ({**RSA_KEY, "use": "enc"}, None),
        ({**RSA_KEY, "alg": "RSA-OAEP"}, None),
        ({**NEW_PUBLIC, "alg": "RS256"}, None),
        ({**NEW_PUBLIC, "d": "AA"}, None),
        ({**NEW_PUBLIC, "x": "AA"}, None),
        (WEAK, None),
        (P384, None),
        ({"kty": "oct", "k": "AAAA"}, None),
        ({"kty": ["RSA"]}, None),
        ({**RSA_KEY, "alg": []}, None),
        ({**RSA_KEY, "use": {}}, None),
        ({**RSA_KEY, "n": []}, None),
        ({**NEW_PUBLIC, "crv": []}, None),
        ({**NEW_PUBLIC, "x": {}}, None),
        ("x", None),
    ],
)
def test_j09_which_keys_verify(key: Any, algorithms: tuple[str, ...] | None) -> None:
    found = client_keys.read({"keys": [key]})
    assert [each.algorithms for each in found] == ([algorithms] if algorithms else [])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["keys", "kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y"]),
        inner,
        max_size=6,
    ),
)  # fmt: skip


@given(ANYTHING)
def test_no_document_breaks_the_reading(document: Any) -> None:
    assert client_keys.read(json.loads(json.dumps(document))) == ()

"""Clients that prove who they are: RFC 6749, 2.3; RFC 7523, 3; OIDC Core, 9. Attacks T11, T12."""

from __future__ import annotations

import base64
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client as Browser
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from accounts.keyring import digest
from portal.authorization_server.models import Client
from tests.http.oauth.application import CALLBACK, FORM, SECRET, SITE, Application, register

pytestmark = pytest.mark.django_db(transaction=True)
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = {"kid": "one", "use": "sig", **ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)}
TOKEN = "/oauth/token"


def assertion(
    key: Any = KEY, algorithm: str = "ES256", kid: str | None = "one", **changes: Any
) -> str:
    claims = {
        "iss": "signer", "sub": "signer", "aud": SITE, "jti": secrets.token_hex(8),
        "exp": int(time.time()) + 60, "iat": int(time.time()), **changes,
    }  # fmt: skip
    known = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(known, key, algorithm, headers={"kid": kid} if kid else None)


class Signer(Application):
    """An application that signs."""

    next_assertion: str | None = None

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        shown = self.next_assertion or assertion()
        return {"client_assertion": shown, "client_assertion_type": TYPE}, {}


@pytest.fixture
def signer(browser: Browser) -> Signer:
    row = register(
        "signer", kind=Client.Kind.SERVER, auth_method="private_key_jwt", jwks={"keys": [PUBLIC]}
    )
    return Signer(row, browser)


def test_7523_the_whole_way(signer: Signer) -> None:
    signer.sign_in(scope="openid offline_access")
    assert signer.refresh().status_code == 200
    said = signer.post("/oauth/introspect", {"token": signer.tokens["access_token"]})
    assert said.json()["active"] is True


def test_7523_the_audience_may_be_the_endpoint(signer: Signer) -> None:
    signer.next_assertion = assertion(aud=[f"{SITE}/oauth/token"])
    assert signer.post(TOKEN, {"grant_type": "x"}).json()["error"] == "unsupported_grant_type"
    assert refused(signer, assertion(aud="https://evil.example")) == "invalid_client"


def test_7523_3_so_may_each_endpoint_where_a_client_proves_itself(signer: Signer) -> None:
    Client.objects.update(kind=Client.Kind.NATIVE)
    document = signer.back.get("/.well-known/openid-configuration").json()
    endpoints = [
        *("token_endpoint", "pushed_authorization_request_endpoint", "introspection_endpoint"),
        *("revocation_endpoint", "device_authorization_endpoint"),
    ]
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    for name in endpoints:
        signer.next_assertion = assertion(aud=document[name])
        answer = signer.post(urlsplit(document[name]).path, fields)
        assert answer.status_code < 401, name
    signer.next_assertion = assertion(aud=document["userinfo_endpoint"])
    assert signer.post(TOKEN, fields).json()["error"] == "invalid_client"


def refused(signer: Signer, shown: str) -> str:
    signer.next_assertion = shown
    answer = signer.post("/oauth/revoke", {"token": "x"})
    return "" if answer.status_code == 200 else str(answer.json()["error"])


def test_7523_an_assertion_counts_once(signer: Signer) -> None:
    shown = assertion()
    assert refused(signer, shown) == ""
    assert refused(signer, shown) == "invalid_client"


def test_7523_of_twenty_at_once_one_counts(signer: Signer) -> None:
    shown = assertion()

    def one(_number: int) -> str:
        try:
            return refused(signer, shown)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as pool:
        said = list(pool.map(one, range(20)))
    assert said.count("") == 1


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())}, {"exp": int(time.time()) - 3600},
        {"exp": int(time.time()) + 86400}, {"exp": None}, {"jti": None}, {"jti": "x" * 501},
        {"iss": "other"}, {"aud": None}, {"aud": f"{SITE}/"}, {"kid": "two"},
        {"key": RSA, "algorithm": "RS256"}, {"nbf": int(time.time()) + 3600}, {"exp": "soon"},
        {"exp": str(int(time.time()) + 1800)}, {"exp": [int(time.time()) + 1800]}, {"exp": True},
        {"exp": float("inf")}, {"exp": float("nan")}, {"exp": 10**400}, {"exp": {}},
        {"iat": str(int(time.time()))}, {"iat": True}, {"iat": float("inf")}, {"nbf": "0"},
        {"nbf": False}, {"nbf": float("-inf")}, {"nbf": []},
    ],
    ids=lambda changes: " ".join(changes),
)  # fmt: skip
def test_7523_each_claim_counts(signer: Signer, changes: dict[str, Any]) -> None:
    try:
        shown = assertion(**changes)
    except TypeError:  # a `jti` or an `exp` that the library does not write
        header, _, tail = assertion().split(".")
        body = json.dumps({"iss": "signer", "sub": "signer", "aud": SITE, **changes}).encode()
        shown = f"{header}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}.{tail}"
    assert refused(signer, shown) == "invalid_client"


def test_7523_no_algorithm_but_ours(signer: Signer) -> None:
    body = assertion().split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert refused(signer, f"{none}.{body}.") == "invalid_client"
    hs = jwt.encode(jwt.decode(assertion(), options={"verify_signature": False}), "k" * 32, "HS256")
    assert refused(signer, hs) == "invalid_client"


@pytest.mark.parametrize("shown", ["x", "a.b.c", "." * 9000, "e30.e30.e30", "\u00e9.x.y"])
def test_7523_what_is_no_jwt(signer: Signer, shown: str) -> None:
    assert refused(signer, shown) in {"invalid_request", "invalid_client"}


def test_rsa_keys_are_as_good(browser: Browser) -> None:
    public = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    jwks = {"keys": [{**public, "kid": "r"}]}
    row = register("rsa", kind=Client.Kind.SERVER, auth_method="private_key_jwt", jwks=jwks)
    own = Signer(row, browser)
    for algorithm in ("RS256", "PS256"):
        shown = assertion(RSA, algorithm, "r", iss="rsa", sub="rsa")
        assert refused(own, shown) == ""


@pytest.mark.parametrize("turned", [False, True], ids=["RSA first", "EC first"])
def test_an_assertion_without_a_kid_is_of_any_key(browser: Browser, *, turned: bool) -> None:
    keys = [RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), PUBLIC]
    listed = keys[::-1] if turned else keys
    own = {"auth_method": "private_key_jwt", "jwks": {"keys": listed}}
    signer = Signer(register("signer", kind=Client.Kind.SERVER, **own), browser)
    for key, algorithm in ((RSA, "RS256"), (KEY, "ES256")):
        assert refused(signer, assertion(key, algorithm, kid=None)) == ""
    assert refused(signer, assertion("x" * 32, "HS256", kid=None)) == "invalid_client"


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{"kty": "oct", "k": "AA"}]},
             {"keys": [ECAlgorithm.to_jwk(KEY, as_dict=True)]}],
)  # fmt: skip
def test_only_public_keys_may_be_registered(house: None, jwks: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        register("bad", kind=Client.Kind.SERVER, auth_method="private_key_jwt", jwks=jwks)
    assert set(refusal.value.message_dict) == {"jwks"}


# --- T11 ------------------------------------------------------------------------------------------


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


@pytest.mark.wire
@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ({}, basic("server", SECRET), 200),
        ({"client_id": "server"}, basic("server", SECRET), 200),
        ({"client_id": "other"}, basic("server", SECRET), 400),
        ({"client_id": "server", "client_secret": SECRET}, {}, 401),
        ({"client_id": "server", "client_secret": SECRET}, basic("server", SECRET), 400),
        ({"client_id": "server"}, {}, 401),
        ({}, basic("server", SECRET.upper()), 401),
        ({}, basic("server", ""), 401),
        ({}, basic("nobody", SECRET), 401),
        ({}, basic("", ""), 401),
        ({}, {"Authorization": "Basic !!!"}, 401),
        ({}, {"Authorization": "Basic /w=="}, 401),
        ({}, {"Authorization": "Bearer x"}, 401),
        ({}, {}, 401),
    ],
)
def test_t11_one_way_at_a_time_and_the_registered_one(
    server: Application, form: dict[str, str], headers: dict[str, str], status: int
) -> None:
    fields = {"token": "x", **form}
    kind = "application/x-www-form-urlencoded"
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields.items())
    answer = server.back.post("/oauth/revoke", body, content_type=kind, headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.json()["error"] == "invalid_client"
        assert answer["WWW-Authenticate"].startswith("Basic realm=")
    if status == 400:
        assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("path", ["token", "introspect", "revoke", "par", "device_authorization"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}], ids=["none", "bearer"])
def test_9110_15_5_2_who_proves_nothing_is_told_how(
    house: None, path: str, headers: dict[str, str]
) -> None:
    """Whatever was wrong, the answer names the scheme that is taken (RFC 6749, 5.2)."""
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x", "client_id": "no"}
    body = urlencode({**fields, "client_secret": "wrong"})
    answer = Browser().post(f"/oauth/{path}", body, content_type=FORM, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == 'Basic realm="vestibule", charset="UTF-8"'


def test_t11_a_secret_in_the_address_is_not_read(server: Application) -> None:
    answer = server.back.post(
        f"/oauth/revoke?client_id=server&client_secret={SECRET}".replace(" ", "+"),
        "token=x",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status_code == 401


def test_t12_a_public_client_with_a_secret_is_refused(app: Application) -> None:
    code = app.code()
    assert app.redeem(code, client_secret="x").json()["error"] == "invalid_client"
    assert app.redeem(code).status_code == 200


def test_t12_a_public_client_may_say_by_http_basic_that_it_has_none(app: Application) -> None:
    fields = {"grant_type": "authorization_code", "code": app.code(), "redirect_uri": CALLBACK}
    body = urlencode({**fields, "code_verifier": app.verifier})
    for secret, status in (("x", 401), ("", 200)):
        headers = basic("app", secret)
        answer = app.back.post(TOKEN, body, content_type=FORM, headers=headers)
        assert answer.status_code == status
    token = urlencode({"token": answer.json()["access_token"]})
    for path, status in (("introspect", 401), ("revoke", 200)):
        answer = app.back.post(f"/oauth/{path}", token, content_type=FORM, headers=basic("app", ""))
        assert answer.status_code == status


def test_a_legacy_desktop_client_may_say_it_twice(browser: Browser) -> None:
    row = register(
        "desktop", kind=Client.Kind.NATIVE, auth_method="client_secret_basic", legacy_desktop=True,
        redirect_uris="http://localhost http://127.0.0.1",
    )  # fmt: skip
    own = Application(row, browser)
    own.redirect_uri = "http://localhost:45321"
    code = own.code(scope="openid profile")
    answer = own.redeem(code, client_id="desktop", client_secret=SECRET)
    assert answer.status_code == 200
    assert "refresh_token" in answer.json(), "without asking for offline_access"
    other = own.redeem(own.code(), client_id="desktop", client_secret="another")
    assert other.json()["error"] == "invalid_request"


@pytest.mark.parametrize("secret", ["a+b/c==" * 6, "50%off%41%zz" * 3, "%FF" * 12, "a:b c" * 7])
@pytest.mark.parametrize("encoded", [True, False])
def test_6749_2_3_1_a_secret_is_taken_as_curl_and_authlib_say_it(
    server: Application, secret: str, *, encoded: bool
) -> None:
    """A secret of `openssl rand -base64` mostly has a `+`, which few libraries encode."""
    Client.objects.update(client_secret=digest(secret))
    shown = quote_plus(secret) if encoded else secret
    pair = base64.b64encode(f"server:{shown}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"}
    path, body = "/oauth/introspect", "token=x"
    assert server.back.post(path, body, content_type=FORM, headers=headers).status_code == 200
    wrong = base64.b64encode(f"server:{shown}x".encode()).decode()
    headers = {"Authorization": f"Basic {wrong}"}
    assert server.back.post(path, body, content_type=FORM, headers=headers).status_code == 401


def test_no_secret_rests_in_the_clear(server: Application) -> None:
    row = Client.objects.get(client_id="server")
    assert SECRET not in str(row.__dict__)

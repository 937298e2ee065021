"""The stand-in says the truth of itself."""

from __future__ import annotations

import requests

from tests.http.sandbox.running import SCOPE, Browser, Sandbox


def document(sandbox: Sandbox) -> dict[str, object]:
    url = f"{sandbox.issuer}/.well-known/openid-configuration"
    answer = requests.get(url, timeout=60)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    body: dict[str, object] = answer.json()
    return body


def test_the_issuer_is_where_the_document_lies(sandbox: Sandbox) -> None:
    assert document(sandbox)["issuer"] == sandbox.issuer


def test_each_endpoint_answers_where_the_document_says(sandbox: Sandbox) -> None:
    found = document(sandbox)
    endpoints = {name: str(url) for name, url in found.items()
                 if name.endswith(("_endpoint", "jwks_uri"))}  # fmt: skip
    assert len(endpoints) == 7
    for name, url in endpoints.items():
        assert url.startswith(f"{sandbox.issuer}/")
        answer = requests.request("GET", url, timeout=60)
        assert answer.status_code in {200, 400, 401, 405}, name


def test_the_published_key_is_public(sandbox: Sandbox) -> None:
    (key,) = requests.get(f"{sandbox.issuer}/jwks", timeout=60).json()["keys"]
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)


def test_what_is_supported_is_what_is_issued(sandbox: Sandbox, browser: Browser) -> None:
    found = document(sandbox)
    assert found["scopes_supported"] == SCOPE.split()
    tokens = browser.tokens()
    assert set(sandbox.verified(tokens["id_token"])) - {"jti"} <= set(found["claims_supported"])  # type: ignore[call-overload]
    assert tokens["scope"] == SCOPE


def test_unknown_addresses_and_methods_are_refused(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.issuer}/nothing", timeout=60).status_code == 404
    assert requests.delete(f"{sandbox.issuer}/token", timeout=60).status_code == 405

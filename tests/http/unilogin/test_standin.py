"""The stand-in is what a broker is: it would refuse a site that did it wrong."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests

from accounts.models import Source
from accounts.source import catalogue, registry
from providers.unilogin import soap
from tests.http.sandbox.running import hidden
from tests.http.unilogin.standin import AT, Standin
from tests.sandbox.unilogin import demo
from tests.sandbox.unilogin.broker import BROKER, CLIENT_ID, CLIENT_SECRET
from tests.sandbox.unilogin.schools import WS_PASSWORD, WS_USER

CALLBACK = "http://localhost:8000/auth/callback/unilogin"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-for-s256"
SECRET = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def challenge() -> str:
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorize(standin: Standin, browser: requests.Session, **changed: str) -> requests.Response:
    asked = {
        "client_id": CLIENT_ID, "redirect_uri": CALLBACK, "response_type": "code",
        "scope": "openid", "state": "the-state", "nonce": "the-nonce", "prompt": "login",
        "code_challenge": challenge(), "code_challenge_method": "S256", **changed,
    }  # fmt: skip
    url = f"{standin.issuer}/{AT}/auth?{urlencode(asked)}"
    return browser.get(url, allow_redirects=False, timeout=60)


def code(standin: Standin, browser: requests.Session | None = None, who: str = "Ida") -> str:
    own = browser or requests.Session()
    form = {
        "request": hidden(authorize(standin, own), "request"),
        "persona": next(each.subject for each in BROKER.personas if each.title == who),
        "csrfmiddlewaretoken": own.cookies["sandbox-csrf"],
    }
    url = f"{standin.issuer}/authorize/choose"
    back = own.post(url, form, allow_redirects=False, timeout=60).headers["Location"]
    assert back.startswith(CALLBACK)
    return parse_qs(urlsplit(back).query)["code"][0]


def post(standin: Standin, path: str, **form: str) -> requests.Response:
    return requests.post(f"{standin.issuer}/{AT}/{path}", {**SECRET, **form}, timeout=60)


def redeem(standin: Standin, spent: str, **changed: str) -> requests.Response:
    form = {"code": spent, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **changed}
    return post(standin, "token", **{"grant_type": "authorization_code", **form})


def test_the_document_names_what_there_is(standin: Standin) -> None:
    url = f"{standin.issuer}/.well-known/openid-configuration"
    document = requests.get(url, timeout=60).json()
    assert document["issuer"] == standin.issuer
    assert document["end_session_endpoint"] == f"{standin.issuer}/{AT}/logout"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert "client_secret_post" in document["token_endpoint_auth_methods_supported"]
    assert requests.get(document["jwks_uri"], timeout=60).json()["keys"]


def test_the_tokens_are_as_unilogin_writes_them(standin: Standin) -> None:
    answer = redeem(standin, code(standin)).json()
    assert answer["expires_in"] == 300
    assert answer["refresh_expires_in"] == 1799
    keys = requests.get(f"{standin.issuer}/{AT}/certs", timeout=60).json()
    claims = jwt.decode(
        answer["id_token"], jwt.PyJWKSet.from_dict(keys).keys[0], ["RS256"],
        audience=CLIENT_ID, issuer=standin.issuer,
    )  # fmt: skip
    assert (claims["nonce"], claims["azp"], claims["uniid"]) == (
        "the-nonce", CLIENT_ID, "idax1234",
    )  # fmt: skip
    assert claims["has_license"] == "true"
    said = post(standin, "token/introspect", token=answer["access_token"]).json()
    assert (said["active"], said["institution_ids"]) == (True, "[A10101]")
    bearer = {"Authorization": f"Bearer {answer['access_token']}"}
    info = requests.get(f"{standin.issuer}/{AT}/userinfo", headers=bearer, timeout=60).json()
    assert info == {"sub": claims["sub"]}


def test_who_is_signed_in_there_is_asked_again_for_prompt_login(standin: Standin) -> None:
    with requests.Session() as browser:
        code(standin, browser)
        assert authorize(standin, browser).status_code == 200
        assert authorize(standin, browser, prompt="").status_code == 303


REFUSED: dict[str, dict[str, str]] = {
    "a-wrong-verifier": {"code_verifier": "x" * 50},
    "no-verifier": {"code_verifier": ""},
    "another-address": {"redirect_uri": "http://localhost:8000/"},
    "another-grant": {"grant_type": "password"},
    "no-grant": {"grant_type": ""},
    "a-wrong-secret": {"client_secret": "wrong"},
    "no-secret": {"client_secret": ""},
    "a-stranger": {"client_id": "vestibule"},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED)
def test_a_code_is_not_redeemed_with(standin: Standin, changed: dict[str, str]) -> None:
    assert redeem(standin, code(standin), **changed).status_code in {400, 401}


def test_a_code_works_once_and_its_tokens_end_when_it_comes_again(standin: Standin) -> None:
    spent = code(standin)
    access_token = redeem(standin, spent).json()["access_token"]
    assert redeem(standin, spent).json()["error"] == "invalid_grant"
    assert post(standin, "token/introspect", token=access_token).json() == {"active": False}


def test_a_code_without_pkce_is_not_given(standin: Standin) -> None:
    with requests.Session() as browser:
        answer = authorize(standin, browser, code_challenge="")
        assert "error=invalid_request" in answer.headers["Location"]


def test_refresh_tokens_rotate_and_a_second_use_ends_the_family(standin: Standin) -> None:
    first = redeem(standin, code(standin)).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = post(standin, "token", **form).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["id_token"] != first["id_token"]
    assert post(standin, "token", **form).json()["error"] == "invalid_grant"
    form["refresh_token"] = second["refresh_token"]
    assert post(standin, "token", **form).json()["error"] == "invalid_grant"


def test_tokens_of_the_other_realm_count_for_nothing(standin: Standin) -> None:
    access_token = redeem(standin, code(standin)).json()["access_token"]
    answer = requests.get(
        f"{standin.url}/openid/userinfo",
        headers={"Authorization": f"Bearer {access_token}"}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 401


def ask(standin: Standin, body: bytes, media_type: str = "application/soap+xml") -> Any:
    headers = {"Content-Type": f'{media_type}; action="{ACTION}"'}
    return requests.post(f"{standin.url}/{demo.SERVICE}", body, headers=headers, timeout=60)


ACTION = "https://wsiinst.unilogin.dk/hentInstitution"
NAMESPACE = "https://wsiinst.unilogin.dk/ws"
GOOD = [("wsBrugerid", WS_USER), ("wsPassword", WS_PASSWORD), ("instnr", "A10101")]
MESSAGES: dict[str, bytes] = {
    "no-xml": b"A10101",
    "a-declaration": b"<!DOCTYPE x>" + soap.write(NAMESPACE, "hentInstitution", GOOD),
    "another-operation": soap.write(NAMESPACE, "hentAnsatte", GOOD),
    "another-namespace": soap.write("urn:x", "hentInstitution", GOOD),
    "fields-in-another-order": soap.write(NAMESPACE, "hentInstitution", GOOD[::-1]),
    "a-field-less": soap.write(NAMESPACE, "hentInstitution", GOOD[:2]),
    "another-envelope": soap.write(NAMESPACE, "hentInstitution", GOOD).replace(
        soap.ENVELOPE.encode(), b"http://schemas.xmlsoap.org/soap/envelope/"
    ),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_the_service_answers_a_fault_to(standin: Standin, message: bytes) -> None:
    answer = ask(standin, message)
    assert answer.status_code == 400
    assert ("Fault",) in soap.read(answer.content)


def test_the_service_wants_the_media_type_of_soap_1_2(standin: Standin) -> None:
    message = soap.write(NAMESPACE, "hentInstitution", GOOD)
    assert ask(standin, message).status_code == 200
    assert ask(standin, message, "text/xml").status_code == 400


def test_an_unknown_school_is_answered_by_nothing(standin: Standin) -> None:
    asked = [*GOOD[:2], ("instnr", "Z99999")]
    answer = ask(standin, soap.write(NAMESPACE, "hentInstitution", asked))
    assert soap.read(answer.content) == {("hentInstitutionResponse",): ""}


def test_the_page_shows_who_is_there_and_signs_out(standin: Standin) -> None:
    with requests.Session() as browser:
        code(standin, browser)
        assert "Ida" in browser.get(f"{standin.url}/unilogin/", timeout=60).text
        form = {"csrfmiddlewaretoken": browser.cookies["sandbox-csrf"]}
        browser.post(f"{standin.issuer}/leave", form, timeout=60)
        assert "Ida" not in browser.get(f"{standin.url}/unilogin/", timeout=60).text
    assert standin.signed_in() == set()


def test_an_unknown_trouble_is_refused(standin: Standin) -> None:
    with requests.Session() as operator:
        operator.get(f"{standin.url}/unilogin/", timeout=60)
        form = {"csrfmiddlewaretoken": operator.cookies["sandbox-csrf"], "trouble": "flood"}
        assert operator.post(f"{standin.url}/unilogin/trouble", form, timeout=60).status_code == 400


@pytest.mark.django_db
def test_furnishing_makes_the_source_once_and_leaves_what_was_changed() -> None:
    demo.furnish(8000)
    source = Source.objects.get(slug="unilogin")
    assert source.settings["issuer"] == "http://127.0.0.1:8001/auth/realms/broker"
    assert catalogue.instance(source).session_type == "unilogin"
    source.label = "Ours"
    catalogue.save(source)
    demo.furnish(9000)
    source.refresh_from_db()
    assert source.label == "Ours"
    assert source.settings["issuer"] == "http://127.0.0.1:9001/auth/realms/broker"
    assert source.settings["ws_address"] == "http://127.0.0.1:9001/wsiinst-v5/ws"
    source.settings["issuer"] = "https://broker.unilogin.dk/auth/realms/broker"
    catalogue.save(source)
    demo.furnish(8000)
    source.refresh_from_db()
    assert source.settings["issuer"] == "https://broker.unilogin.dk/auth/realms/broker"


@pytest.mark.django_db
def test_a_site_without_the_provider_is_furnished_without_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "providers", dict)
    demo.furnish(8000)
    assert not Source.objects.filter(slug="unilogin").exists()


def test_its_part_of_the_demo_names_the_page() -> None:
    assert "http://127.0.0.1:8001/unilogin/" in demo.banner(8000)

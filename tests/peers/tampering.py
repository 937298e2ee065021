"""An OpenID provider that lies when a test tells it to: a real server on loopback, with real keys.

    with tampering_provider() as op:
        op.claims["iss"] = "https://evil.example"   # the next id_token says so
        op.claims["sub"] = REMOVED                  # or lacks it
        op.answers["token"] = page(500, b"<html>")  # an endpoint answers something else

It judges its caller as the conformance suite of the OpenID Foundation does: what is wrong with a
request stands in `complaints`. `calls` counts by endpoint. Its issuer ends in a slash, its keys
hold what a relying party must step over, its `sign` makes any token of any claims.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, UserDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import sentinel
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.peers import patience

REMOVED: Any = sentinel.REMOVED  # its name in the name of a test is the same in each process
ALIAS = "/test/a/portal/"
CLIENT_ID, CLIENT_SECRET = "portal+1:æ", "s3cret/+=:&æ"
SUBJECT = "user-subject-1234531"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
Page = Callable[["_Handler"], tuple[int, bytes, str]]


@cache
def private_key(name: str) -> Any:
    """Return a key of this run. The beginning of its name says of which kind it is."""
    kind = name.partition("-")[0]
    if kind in {"rsa", "weak"}:
        return rsa.generate_private_key(65537, 1024 if kind == "weak" else 2048)
    if kind == "ed":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "k256": ec.SECP256K1()}
    return ec.generate_private_key(curves[kind])


def jwk(name: str, **members: Any) -> dict[str, Any]:
    """Return the public half as a JWK with `kid` and `use`, changed by `members`."""
    algorithm = {"rsa": "RS256", "weak": "RS256", "ed": "EdDSA"}.get(name.split("-")[0], "ES256")
    public = get_default_algorithms()[algorithm].to_jwk(private_key(name).public_key(), True)
    if name.startswith("k256"):
        public["crv"] = "secp256k1"
    public.pop("key_ops", None)
    return without_removed({**public, "kid": name, "use": "sig", **members})


def public_pem(name: str) -> bytes:
    """Return the public half as PEM, as somebody would who confuses algorithms."""
    return (
        private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def public_der(name: str) -> bytes:
    """Return the public half as DER, for the same confusion."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key(name).public_key().public_bytes(serialization.Encoding.DER, info)


def without_removed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not REMOVED}


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def page(status: int, body: bytes = b"", media_type: str = "text/html", after: float = 0) -> Page:
    """Return an answer for `answers`, given `after` so many seconds."""

    def answer(handler: _Handler) -> tuple[int, bytes, str]:
        if after:
            handler.server.state.released.wait(after)
        return status, body, media_type

    answer.after = after  # type: ignore[attr-defined]
    return answer


class Answers(UserDict[str, Page]):
    """What endpoints answer instead of the truth; while one of them hangs, nobody waits long."""

    def __setitem__(self, name: str, answer: Page) -> None:
        super().__setitem__(name, answer)
        self._tell()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._tell()

    def _tell(self) -> None:
        longest = max((getattr(each, "after", 0) for each in self.values()), default=0)
        patience.hangs(longest > patience.SHORT)


def error(code: str, status: int = 400) -> Page:
    """Return an error as RFC 6749, 5.2 writes it, with a description nobody may repeat."""
    body = {"error": code, "error_description": "<script>secret-of-the-body</script>"}
    return page(status, json.dumps(body).encode(), "application/json")


class OpenIdProvider:
    """What a test sees of the provider."""

    def __init__(self, origin: str) -> None:
        self.origin, self.issuer = origin, origin + ALIAS
        self.calls: Counter[str] = Counter()
        self.forms: dict[str, dict[str, str]] = {}
        self.complaints: list[str] = []
        self.answers = Answers()
        self.document: dict[str, Any] = {}
        self.response: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.mangle: Callable[[str], str] = str
        self.algorithm, self.key, self.client_auth = "RS256", "rsa-1", "basic"
        self.bearer_in = "header"
        self.jwks: list[dict[str, Any]] = [
            *(jwk("rsa-1"), jwk("rsa-2"), jwk("p256-1"), jwk("p256-2"), jwk("k256-1")),
            *(jwk("ed-1"), jwk("rsa-3", use="enc"), jwk("p256-3", use="enc")),
        ]
        self.now: Callable[[], float] = time.time
        self.codes: dict[str, dict[str, str]] = {}
        self.released = threading.Event()

    def url(self, name: str) -> str:
        return self.issuer + name

    def sign(self, claims: Mapping[str, Any] | bytes, **header: Any) -> str:
        """Return a compact JWS by the key and algorithm of the moment; `header` changes it."""
        algorithm = header.get("alg", self.algorithm)
        head = without_removed({"alg": algorithm, "kid": self.key, "typ": "JWT", **header})
        body = claims if isinstance(claims, bytes) else without_removed(claims)
        signed = f"{encoded(head)}.{encoded(body)}"
        if str(algorithm).lower() == "none":
            return f"{signed}."
        how = get_default_algorithms()[algorithm]
        key = public_pem(self.key) if algorithm.startswith("HS") else private_key(self.key)
        if algorithm.startswith("HS"):
            return f"{signed}.{encoded(hmac.digest(key, signed.encode(), 'sha256'))}"
        return f"{signed}.{encoded(how.sign(signed.encode(), key))}"

    def id_token(self, nonce: str, access_token: str) -> str:
        now = int(self.now())
        digest = hashlib.sha256(access_token.encode()).digest()
        claims = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "nonce": nonce or REMOVED,
            "iat": now,
            "exp": now + 300,
            "at_hash": encoded(digest[:16]) if self.algorithm.endswith("256") else REMOVED,
            "sid": "sid-1",
        }
        return self.mangle(self.sign({**claims, **self.claims}, **self.header))

    def logout_token(self, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Return a good logout token, changed by `header` and `claims`."""
        now = int(self.now())
        good = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "jti": "jti-1",
            "sid": "sid-1",
            "iat": now,
            "exp": now + 120,
            "events": {EVENT: {}},
            "unknown": "to be ignored",
        }
        return self.sign({**good, **claims}, **{"typ": REMOVED, **(header or {})})

    def authorize(self, url: str) -> dict[str, str]:
        """Visit the authorization endpoint as a browser does; return what it sends back."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any) -> None:
                return None

        try:
            urllib.request.build_opener(Stay).open(url)
        except urllib.error.HTTPError as answer:
            where = urlsplit(answer.headers.get("Location", ""))
            answer.close()
            return {name: values[0] for name, values in parse_qs(where.query).items()}
        raise AssertionError("the authorization endpoint did not redirect")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        op, parts = self.server.state, urlsplit(self.path)
        self.query = parse_qs(parts.query)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.form = {name: values[0] for name, values in parse_qs(body).items()}
        name = parts.path.removeprefix(ALIAS)
        op.calls[name] += 1
        op.forms[name] = self.form
        known = name in _ENDPOINTS and parts.path.startswith(ALIAS)
        if not known and name not in op.answers:
            op.complaints.append(f"unknown path {parts.path}")
        answer = op.answers.get(name) or (_ENDPOINTS[name] if known else page(404))
        status, content, media_type = answer(self)
        self.send_response(status)
        self.send_header("Location" if status == 302 else "Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 (the name that the standard library looks for)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""

    def expect(self, fine: bool, complaint: str) -> None:
        if not fine:
            self.server.state.complaints.append(complaint)


def _json(value: Any, status: int = 200) -> tuple[int, bytes, str]:
    return status, json.dumps(value).encode(), "application/json"


def _discovery(call: _Handler) -> tuple[int, bytes, str]:
    op = call.server.state
    document = {
        "issuer": op.issuer,
        "authorization_endpoint": op.url("authorize"),
        "token_endpoint": op.url("token"),
        "jwks_uri": op.url("jwks"),
        "userinfo_endpoint": op.url("userinfo"),
        "end_session_endpoint": op.url("end_session"),
        "revocation_endpoint": op.url("revoke"),
        "introspection_endpoint": op.url("introspect"),
        "response_types_supported": ["code", "id_token code", "token code id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "token_endpoint_auth_methods_supported": [
            *("client_secret_basic", "client_secret_post", "none"),
        ],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "name", "email"],
    }
    return _json(without_removed({**document, **op.document}))


def _jwks(call: _Handler) -> tuple[int, bytes, str]:
    return _json({"keys": call.server.state.jwks})


def _authorize(call: _Handler) -> tuple[int, bytes, str]:
    op, query = call.server.state, {name: each[0] for name, each in call.query.items()}
    call.expect(all(len(each) == 1 for each in call.query.values()), "a repeated parameter")
    call.expect(query.get("response_type") == "code", "response_type")
    call.expect(query.get("client_id") == CLIENT_ID, "client_id")
    call.expect("openid" in query.get("scope", "").split(), "scope")
    call.expect("#" not in query.get("redirect_uri", "#"), "redirect_uri")
    call.expect(query.get("code_challenge_method") == "S256", "code_challenge_method")
    call.expect(len(query.get("code_challenge", "")) == 43, "code_challenge")
    call.expect(len(query.get("nonce", "")) <= 43, "nonce")
    code = secrets.token_urlsafe(16)
    op.codes[code] = query
    answer = {"code": code, "state": query.get("state", ""), **op.response}
    sent = urlencode(without_removed(answer))
    return 302, b"", f"{query.get('redirect_uri')}?{sent}"


def _authenticated(call: _Handler) -> bool:
    """RFC 6749, 2.3.1: exactly the method that the client is registered for."""
    op, sent = call.server.state, call.headers.get("Authorization", "")
    in_body = (call.form.get("client_id"), call.form.get("client_secret"))
    if op.client_auth == "basic":
        user, _, password = base64.b64decode(sent.removeprefix("Basic ")).decode().partition(":")
        known = (unquote_plus(user), unquote_plus(password)) == (CLIENT_ID, CLIENT_SECRET)
        return known and in_body == (None, None)
    secret = CLIENT_SECRET if op.client_auth == "post" else None
    return not sent and in_body == (CLIENT_ID, secret)


def _token(call: _Handler) -> tuple[int, bytes, str]:
    op, form = call.server.state, call.form
    if not _authenticated(call):
        return _json({"error": "invalid_client"}, 401)
    nonce = ""
    if form.get("grant_type") == "authorization_code":
        asked = op.codes.pop(form.get("code", ""), None)
        challenge = encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
        ):
            return _json({"error": "invalid_grant"}, 400)
        nonce = asked["nonce"]
    elif form.get("grant_type") != "refresh_token" or "refresh_token" not in form:
        return _json({"error": "unsupported_grant_type"}, 400)
    access_token = f"at-{secrets.token_urlsafe(8)}"
    answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": 300,
        "refresh_token": "rt-1",
        "id_token": op.id_token(nonce, access_token),
        **op.tokens,
    }
    return _json(without_removed(answer))


def _userinfo(call: _Handler) -> tuple[int, bytes, str]:
    op, sent = call.server.state, call.headers.get("Authorization", "")
    in_header, in_body = sent.startswith("Bearer at-"), "access_token" in call.form
    call.expect("access_token" not in call.query, "a token in a query")
    call.expect(in_header != in_body, "exactly one bearer token")
    if not (in_header if op.bearer_in == "header" else in_body):
        return 401, b"", "text/plain"
    person = {"sub": SUBJECT, "name": "Demo T. User", "preferred_username": "d.tu", **op.userinfo}
    if "signed" in person:
        return 200, person["signed"].encode(), "application/jwt; charset=utf-8"
    return _json(without_removed(person))


def _revoke(call: _Handler) -> tuple[int, bytes, str]:
    return (200, b"", "text/plain") if _authenticated(call) else _json({"error": "x"}, 401)


_ENDPOINTS: dict[str, Page] = {
    ".well-known/openid-configuration": _discovery,
    "jwks": _jwks,
    "authorize": _authorize,
    "token": _token,
    "userinfo": _userinfo,
    "revoke": _revoke,
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: OpenIdProvider

    def handle_error(self, *args: Any) -> None:
        """A caller that hangs up is what some tests want."""


@contextmanager
def tampering_provider() -> Iterator[OpenIdProvider]:
    """Run the provider on a free port of 127.0.0.1."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = OpenIdProvider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.state.released.set()
        server.shutdown()
        server.server_close()
        thread.join()

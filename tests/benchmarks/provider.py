"""A small real OpenID provider that says yes at once: python -m tests.benchmarks.provider PORT ...

Real in what its callers must do: codes are spent once, PKCE and the client's secret are checked,
each id_token is signed for its nonce (RS256, 2048 bits), connections are kept. What it costs itself
is nobody's business: only the processes of the relying parties are counted.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
import ssl
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "bench", "bench-secret-of-some-length-0123456789"
PEOPLE = 20
_KEY = rsa.generate_private_key(65537, 2048)
_JWK = {**RSAAlgorithm.to_jwk(_KEY.public_key(), True), "kid": "1", "use": "sig", "alg": "RS256"}
_Answer = tuple[int, dict[str, Any]]


class Provider(ThreadingHTTPServer):
    """The server, and what it remembers between two requests of one login."""

    daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.issuer = f"{'https' if context else 'http'}://127.0.0.1:{port}"
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, int] = {}
        self.people = itertools.cycle(range(PEOPLE))
        if context:
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def handle_error(self, *args: Any) -> None:
        """Keep quiet: callers hang up, which is theirs to do."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = 16 * 1024
    disable_nagle_algorithm = True
    server: Provider

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        length = int(self.headers.get("Content-Length", 0))
        self.form = dict(parse_qsl(self.rfile.read(length).decode()))
        status, answer = _ENDPOINTS.get(parts.path, _nothing)(self)
        self.send_response(status)
        if "location" in answer:
            self.send_header("Location", answer["location"])
        body = json.dumps(answer).encode()
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 (the name that the standard library looks for)

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


def _nothing(call: Handler) -> _Answer:
    return 404, {"error": "not_found"}


def _discovery(call: Handler) -> _Answer:
    issuer = call.server.issuer
    return 200, {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    }


def _jwks(call: Handler) -> _Answer:
    return 200, {"keys": [_JWK]}


def _authorize(call: Handler) -> _Answer:
    code = secrets.token_urlsafe(24)
    call.server.codes[code] = call.query
    answer = urlencode({"code": code, "state": call.query["state"]})
    return 302, {"location": f"{call.query['redirect_uri']}?{answer}"}


def _token(call: Handler) -> _Answer:
    asked = call.server.codes.pop(call.form.get("code", ""), None)
    if not _is_our_client(call):
        return 401, {"error": "invalid_client"}
    if asked is None or not _fits(asked, call.form):
        return 400, {"error": "invalid_grant"}
    access_token = secrets.token_urlsafe(24)
    person = call.server.tokens[access_token] = next(call.server.people)
    now, digest = int(time.time()), hashlib.sha256(access_token.encode()).digest()
    claims = {
        "iss": call.server.issuer,
        "sub": f"person-{person}",
        "aud": CLIENT_ID,
        "iat": now,
        "exp": now + 300,
        **({"nonce": asked["nonce"]} if "nonce" in asked else {}),
        "at_hash": _base64url(digest[:16]),
    }
    return 200, {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": 300,
        "id_token": jwt.encode(claims, _KEY, "RS256", {"kid": "1"}),
    }


def _userinfo(call: Handler) -> _Answer:
    token = call.headers.get("Authorization", "").removeprefix("Bearer ")
    person = call.server.tokens.pop(token, None)
    if person is None:
        return 401, {"error": "invalid_token"}
    return 200, {
        "sub": f"person-{person}",
        "name": f"Person {person}",
        "preferred_username": f"person{person}",
        "email": f"person{person}@example.org",
        "email_verified": True,
    }


def _is_our_client(call: Handler) -> bool:
    """RFC 6749, 2.3.1: by Basic, or in the form."""
    sent = call.headers.get("Authorization", "").removeprefix("Basic ")
    user, _, secret = base64.b64decode(sent).decode().partition(":")
    basic = (unquote_plus(user), unquote_plus(secret))
    posted = (call.form.get("client_id"), call.form.get("client_secret"))
    return (CLIENT_ID, CLIENT_SECRET) in (basic, posted)


def _fits(asked: dict[str, str], form: dict[str, str]) -> bool:
    """RFC 6749, 4.1.3; RFC 7636, 4.6: PKCE for whoever began with it."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    proven = asked.get("code_challenge", "") in ("", _base64url(digest))
    return proven and asked["redirect_uri"] == form.get("redirect_uri")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


_ENDPOINTS: dict[str, Callable[[Handler], _Answer]] = {
    "/.well-known/openid-configuration": _discovery,
    "/jwks": _jwks,
    "/authorize": _authorize,
    "/token": _token,
    "/userinfo": _userinfo,
}


def main(port: str, certificate: str = "", key: str = "") -> None:
    """Serve on a port of 127.0.0.1, over https when there is a certificate."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    Provider(int(port), context).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An authenticator in software: makes credentials, and uses them, well or badly (WebAuthn Level 3).

What it says can be bent by keyword, so that a test changes one thing of a good answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://localhost:8000"
USER_PRESENT, USER_VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")


def changed(answer: str, name: str, raw: bytes | None) -> str:
    """Return an answer with another part, or without it."""
    sent = json.loads(answer)
    sent["response"][name] = encoded(raw or b"")
    if raw is None:
        del sent["response"][name]
    return json.dumps(sent)


@dataclass
class Authenticator:
    """One credential. `synced` says that it is backed up; such a one does not count."""

    synced: bool = False
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: bytes = b""
    count: int = 0

    def make(self, options: dict[str, Any], **bent: Any) -> str:
        """Return the answer to PublicKeyCredentialCreationOptions."""
        self.handle = decoded(options["user"]["id"])
        cose = bent.get("cose", self._cose())
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        data = self._data(ATTESTED, {"rp_id": options["rp"]["id"], **bent}) + attested
        obj = {"fmt": "none", "attStmt": {}, "authData": data, **bent.get("obj", {})}
        response = {
            "clientDataJSON": self._client("webauthn.create", options["challenge"], bent),
            "attestationObject": encoded(bent.get("raw") or cbor2.dumps(obj)),
            "transports": ["internal", "telepathy"],
        }
        return self._answer(response, bent)

    def use(self, challenge: str, **bent: Any) -> str:
        """Return the answer to PublicKeyCredentialRequestOptions with this challenge."""
        self.count += 0 if self.synced else 1
        data = self._data(0, {"rp_id": "localhost", **bent}) + bent.get("extensions", b"")
        client = self._client("webauthn.get", challenge, bent)
        signed = bent.get("key", self.key).sign(
            data + hashlib.sha256(decoded(client)).digest(), ec.ECDSA(hashes.SHA256())
        )
        response = {
            "clientDataJSON": client,
            "authenticatorData": encoded(data),
            "signature": encoded(bent.get("signature", signed)),
            "userHandle": encoded(bent.get("handle", self.handle)),
        }
        return self._answer(response, bent)

    def _answer(self, response: dict[str, Any], bent: dict[str, Any]) -> str:
        own = encoded(self.id)
        said = {"id": own, "rawId": own, "type": "public-key", "response": response}
        return json.dumps({**said, **bent.get("answer", {})})

    def _client(self, kind: str, challenge: str, bent: dict[str, Any]) -> str:
        said = {"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False}
        return encoded(json.dumps({**said, **bent.get("client", {})}).encode())

    def _data(self, flags: int, bent: dict[str, Any]) -> bytes:
        synced = ELIGIBLE | BACKED_UP if self.synced else 0
        flags = bent.get("flags", USER_PRESENT | USER_VERIFIED | synced) | flags
        host = hashlib.sha256(bent["rp_id"].encode()).digest()
        return host + bytes([flags]) + bent.get("count", self.count).to_bytes(4, "big")

    def _cose(self) -> bytes:
        at = self.key.public_key().public_numbers()
        x, y = (each.to_bytes(32, "big") for each in (at.x, at.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

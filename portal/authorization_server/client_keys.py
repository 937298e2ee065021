"""The public keys by which a client proves who it is: registered here, or published by the client
at its `jwks_uri` (RFC 7517; RFC 7591, 2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils import timezone

from accounts.errors import TemporarilyUnavailable
from accounts.http import Client as Http
from accounts.keyring import digest
from accounts.upstream.last_good import LastGood, Registry

# By what a key of each type may sign; discovery lists them all (RFC 7518, 3.1).
ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
LARGEST = 256 * 1024
_MOST_KEYS = 64
_WEAKEST_RSA = 2048  # RFC 7518, 3.3


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key, its `kid`, and the algorithms by which it may have signed."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Any


_Keys = tuple[ClientKey, ...]
kept: Registry[LastGood[_Keys]] = Registry(256)


def read(document: Any) -> _Keys:
    """Return the keys of a JWK Set that verify signatures; what else it holds is left out (RFC
    7517, 5).
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    known = listed[:_MOST_KEYS] if isinstance(listed, list) else []
    return tuple(found for each in known if (found := _read_key(each)))


def of_client(jwks: Any, jwks_uri: str, client_id: str) -> Iterator[_Keys]:
    """Yield the client's keys, then newer ones where it publishes them: these are fetched once in
    thirty seconds, whoever sends assertions in its name. So are keys that could not be had.

    Raises `TemporarilyUnavailable` when they cannot be fetched, and there is no copy of the last
    day.
    """
    if not jwks_uri:
        yield read(jwks)
        return
    name = f"client-keys:{digest(jwks_uri)}"
    copy = kept.obtain(jwks_uri, lambda: LastGood(_usable, name=name))
    known = copy.get(lambda: _fetched(jwks_uri), timezone.now(), asker=client_id)
    yield known
    try:
        newer = copy.newer(lambda: _fetched(jwks_uri), timezone.now(), client_id, known)
    except TemporarilyUnavailable:
        return
    if newer:
        yield newer


def _fetched(uri: str) -> dict[str, Any]:
    return Http("client-keys").get(uri, max_bytes=LARGEST).json_object("The client")


def _usable(document: Any) -> _Keys:
    found = read(document)
    if not found:
        raise TemporarilyUnavailable("The client publishes no usable key at its jwks_uri.")
    return found


def _read_key(document: Any) -> ClientKey | None:
    """Return a key; None for one that is private, weak, malformed or for something else."""
    if not isinstance(document, dict) or "d" in document or "k" in document:
        return None
    operations = document.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if document.get("use", "sig") != "sig" or not verifies:
        return None
    kind, named = document.get("kty"), document.get("alg")
    fit = ALGORITHMS.get(kind, ()) if isinstance(kind, str) else ()
    algorithms = tuple(each for each in fit if named is None or named == each)
    if not algorithms or (kind == "EC" and document.get("crv") != "P-256"):
        return None
    try:
        key = jwt.PyJWK(document, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAPublicKey) and key.key_size < _WEAKEST_RSA:
        return None
    kid = document.get("kid")
    return ClientKey(kid if isinstance(kid, str) else None, algorithms, key)

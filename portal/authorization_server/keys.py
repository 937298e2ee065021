"""The keys that sign what we say of people: made at first use, sealed, and turned by a command.

A worker keeps them for a minute. A key that is no longer used is published until nothing that it
signed counts any more, so that no client is surprised (OIDC Core, 10.1.1).
"""

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from accounts import conf
from accounts.keyring import Sealed, Unreadable, seal, unseal
from accounts.provider import Finding, verdict
from portal import conf as portal_conf
from portal.authorization_server import models
from portal.authorization_server.models import SigningKey

PURPOSE = "signing-key"
TYPE = "JWT"  # of an id_token, whose `typ` it is
KEPT = timedelta(days=30)
OLD = timedelta(days=366)
_KNOWN_FOR = 60.0
_RSA_BITS = 3072


class NotOurs(ValueError):
    """What should be a token that we signed is none."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, ready for use. `public` is what anybody may see of it (RFC 7517, 4)."""

    kid: str
    algorithm: str
    private: Any
    public: dict[str, Any]
    is_current: bool

    def __repr__(self) -> str:
        return f"Key({self.kid!r}, {self.algorithm!r})"


class _Known:
    """What a worker knows of the keys."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        self._keys: list[Key] = []
        self._until = 0.0

    def all(self, *, anew: bool = False) -> list[Key]:
        with self._lock:
            if anew or time.monotonic() >= self._until:
                self._keys, self._until = _load(), time.monotonic() + _KNOWN_FOR
            return self._keys


_known = _Known()


def sign(claims: dict[str, Any], typ: str = TYPE) -> str:
    """Return `claims` as a JWT, signed by the current key (RFC 7515)."""
    key = _current()
    return jwt.encode(
        claims, key.private, algorithm=key.algorithm, headers={"kid": key.kid, "typ": typ}
    )


def algorithms() -> list[str]:
    """Return the algorithm by which id_tokens are signed."""
    return [portal_conf.signing_algorithm()]


def published() -> list[dict[str, Any]]:
    """Return the public keys, the current one first (RFC 7517, 5)."""
    _current()
    return [each.public for each in _known.all()]


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of an id_token of ours, also of one that has expired: it is a hint (RP-
    Initiated Logout 1.0, 2). Raises `NotOurs`.
    """
    try:
        header = jwt.get_unverified_header(token)
        key = next((each for each in _known.all() if each.kid == header.get("kid")), None)
        if key is None or header.get("typ") != TYPE:  # a logout token is no hint (RFC 8725, 3.11)
            raise NotOurs
        return jwt.decode(
            token,
            jwt.PyJWK(key.public),
            algorithms=[key.algorithm],
            issuer=conf.site_url(),
            options={"verify_exp": False, "verify_aud": False, "require": ["iss", "sub", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise NotOurs from None


def rotate() -> str:
    """Make a new key current; the one before verifies for a while. Returns the new key's id."""
    algorithm = portal_conf.signing_algorithm()
    with transaction.atomic():
        SigningKey.objects.filter(current=algorithm).update(current=None)
        row = _make(algorithm)
    _known.forget()
    return row.kid


def clear_expired() -> int:
    """Delete the keys that have verified for long enough after their time. Returns their number."""
    newest = SigningKey.objects.exclude(current=None).order_by("-created_at").first()
    if newest is None or newest.created_at > timezone.now() - KEPT:
        return 0
    return SigningKey.objects.filter(current=None, created_at__lt=newest.created_at).delete()[0]


def examine(_look: object) -> Iterator[Finding]:
    """Yield for the doctor whether the keys can be opened, and how old the current one is."""
    try:
        current = next((each for each in _load() if each.is_current), None)
    except Unreadable:
        fix = _("Put the former key at the end of VESTIBULE_VAULT_KEYS.")
        yield Finding(False, _("A key that signs id_tokens cannot be opened."), fix)
        return
    if current is None:
        return  # made at first use
    made = SigningKey.objects.values_list("created_at", flat=True).get(kid=current.kid)
    days = (timezone.now() - made).days
    yield verdict(
        days < OLD.days,
        _("The key that signs id_tokens is %d days old.") % days,
        _("The key that signs id_tokens is old: %d days.") % days,
        _("Run: manage.py rotate_signing_key"),
    )


def sealed() -> list[Sealed]:
    """Return what this room keeps sealed, for the turn of the vault's keys."""
    return [Sealed("signing keys", SigningKey.objects.all(), "sealed", PURPOSE, "kid")]


def clear_all_expired() -> int:
    """Delete what is over in this room. Returns the number of rows."""
    return clear_expired() + models.clear_expired()


def _current() -> Key:
    algorithm = portal_conf.signing_algorithm()
    for anew in (False, True):
        for key in _known.all(anew=anew):
            if key.is_current and key.algorithm == algorithm:
                return key
        if not anew:
            _make_first(algorithm)
    raise NotOurs("There is no key to sign with.")


def _make_first(algorithm: str) -> None:
    """Make the first key. Of several workers that start at once one makes it."""
    if SigningKey.objects.filter(current=algorithm).exists():
        return
    try:
        with transaction.atomic():
            _make(algorithm)
    except IntegrityError:
        return


def _make(algorithm: str) -> SigningKey:
    kid = secrets.token_hex(8)
    private: Any
    if algorithm == "ES256":
        private = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    else:
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        private = RSAAlgorithm.to_jwk(fresh, as_dict=True)
    return SigningKey.objects.create(
        kid=kid, algorithm=algorithm, current=algorithm, sealed=seal(private, PURPOSE, kid)
    )


def _load() -> list[Key]:
    """Return the keys, the current ones first."""
    rows = sorted(SigningKey.objects.all(), key=lambda row: row.created_at, reverse=True)
    return [_opened(row) for row in sorted(rows, key=lambda row: row.current is None)]


def _opened(row: SigningKey) -> Key:
    jwk = unseal(row.sealed, PURPOSE, row.kid)
    kind = ECAlgorithm if row.algorithm == "ES256" else RSAAlgorithm
    private: Any = kind.from_jwk(json.dumps(jwk))
    names = ("kty", "crv", "x", "y") if row.algorithm == "ES256" else ("kty", "n", "e")
    public = {name: jwk[name] for name in names}
    public |= {"kid": row.kid, "use": "sig", "alg": row.algorithm}
    return Key(row.kid, row.algorithm, private, public, is_current=row.current is not None)

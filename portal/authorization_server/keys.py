"""The keys that sign what we say of people: made at first use, sealed, and turned by a command.

A worker keeps them for a minute, and reads them anew when the ended feed tells that one was turned.
A new key is published before it signs, and one that is no longer used until nothing that it signed
counts any more, so that no client is surprised (OIDC Core, 10.1.1). One that somebody else has seen
is withdrawn: from then on nothing counts that it has signed.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_decode

from accounts import conf, ended
from accounts.errors import TemporarilyUnavailable
from accounts.keyring import Sealed, Unreadable, seal, unseal
from accounts.models.reading import OneReads
from accounts.provider import Finding, verdict
from portal import conf as portal_conf
from portal.authorization_server import expiry
from portal.authorization_server.models import SigningKey

PURPOSE = "signing-key"
TYPE = "JWT"  # of an id_token, whose `typ` it is
KEPT = timedelta(days=30)
OLD = timedelta(days=366)
# A new key signs once no worker and no cache holds keys without it: 1 and 5 minutes at most.
PUBLISHED_FIRST = timedelta(minutes=10)
_KNOWN_FOR = 60.0
# A key of which this worker has not heard yet is looked for at most so often, in seconds.
_LOOK_EVERY = 1.0
# What the ended feed tells of the keys: the kind, and its one value.
_FEED = ("signing", "turned")
_RSA_BITS = 3072
_RSA_MEMBERS = ("n", "e", "p", "q", "d", "dp", "dq", "qi")
log = structlog.get_logger("vestibule.keys")
_one_at_a_time = Lock()


class NotOurs(ValueError):
    """What should be a token that we signed is none."""


class NoKey(TemporarilyUnavailable):
    """`temporarily_unavailable`: the key that signs cannot be opened; an operator must mend it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key, ready for use. `public` is what anybody may see of it (RFC 7517, 4). `is_current` is
    the one that signs, or will in some minutes; `signs` the one that does now.
    """

    kid: str
    algorithm: str
    private: Any
    public: dict[str, Any]
    is_current: bool
    signs: bool

    def __repr__(self) -> str:
        return f"Key({self.kid!r}, {self.algorithm!r})"


class _Known:
    """What a worker knows of the keys."""

    def __init__(self) -> None:
        self._reading = OneReads()
        self.forget()

    def forget(self) -> None:
        self._held: tuple[float, list[Key]] = float("-inf"), []
        self._looked_at = float("-inf")

    def all(self, *, anew: bool = False) -> list[Key]:
        came, (read_at, found) = time.monotonic(), self._held
        if not anew and not _is_old(read_at):
            return found
        with self._reading.turn():
            if self._held[0] < came:
                self._held = time.monotonic(), _load()
            return self._held[1]

    def named(self, kid: Any) -> Key | None:
        """Return the key of this id, or None. Another worker may have made it just now: it is
        looked for once more, which strangers with ids of their own cannot make happen often.
        """
        found = next((each for each in self.all() if each.kid == kid), None)
        now = time.monotonic()
        if found or now - self._looked_at < _LOOK_EVERY:
            return found
        self._looked_at = now
        return next((each for each in self.all(anew=True) if each.kid == kid), None)


def _is_old(read_at: float) -> bool:
    """Tell whether the keys may be others than those that were read then."""
    if time.monotonic() - read_at >= _KNOWN_FOR:
        return True
    try:
        return ended.heard_at(*_FEED) > read_at
    except DatabaseError:
        return False  # nothing else is to be had


_known = _Known()


def sign(claims: dict[str, Any], typ: str = TYPE) -> str:
    """Return `claims` as a JWT, signed by the current key (RFC 7515). Raises `NoKey`."""
    key = _signing()
    return jwt.encode(
        claims, key.private, algorithm=key.algorithm, headers={"kid": key.kid, "typ": typ}
    )


def algorithms() -> list[str]:
    """Return the algorithm by which id_tokens are signed."""
    return [portal_conf.signing_algorithm()]


def require() -> None:
    """Raise `NoKey` when nothing can be signed: before something is spent that counts once."""
    _signing()


def published() -> list[dict[str, Any]]:
    """Return the public keys that can be opened, the current one first (RFC 7517, 5). Raises
    `NoKey` without any.
    """
    with suppress(NoKey):
        _signing()  # which makes the first one
    found = [each.public for each in _known.all()]
    if not found:
        raise NoKey("The keys cannot be opened.")
    return found


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of an id_token of ours, also of one that has expired, or that a machine
    whose clock is ahead has dated: it is a hint (RP-Initiated Logout 1.0, 2). Raises `NotOurs`.
    """
    try:
        header = jwt.get_unverified_header(token)
        key = _known.named(header.get("kid"))
        if key is None or header.get("typ") != TYPE:  # a logout token is no hint (RFC 8725, 3.11)
            raise NotOurs
        return jwt.decode(
            token,
            jwt.PyJWK(key.public),
            algorithms=[key.algorithm],
            issuer=conf.site_url(),
            options={
                "verify_exp": False,
                "verify_iat": False,
                "verify_aud": False,
                "require": ["iss", "sub", "aud"],
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError):
        raise NotOurs from None


def rotate(*, at_once: bool = False, withdraw: bool = False) -> str:
    """Make a new key current; the one before verifies for a while, and signs on for some minutes
    unless the new one has to `at_once`. With `withdraw` the new one signs at once and all others
    are deleted: every worker refuses within a second what they have signed. Returns the new key's
    id.
    """
    algorithm = portal_conf.signing_algorithm()
    row = _made(algorithm)
    if at_once or withdraw:
        row.created_at -= PUBLISHED_FIRST
    with transaction.atomic():
        SigningKey.objects.filter(current=algorithm).update(current=None)
        row.save(force_insert=True)
        if withdraw:
            SigningKey.objects.exclude(pk=row.pk).delete()
        ended.announce(_FEED[0], _FEED[1:])
    _known.forget()
    return row.kid


def clear_expired() -> int:
    """Delete the keys that have verified for long enough after their time: since another one of
    their algorithm took it over, however often that was replaced itself. Returns their number.
    """
    settled = SigningKey.objects.filter(created_at__lte=timezone.now() - KEPT)
    gone = 0
    for algorithm, since in settled.values_list("algorithm").annotate(since=Max("created_at")):
        former = SigningKey.objects.filter(algorithm=algorithm, current=None)
        gone += former.filter(created_at__lt=since).delete()[0]
    return gone


def examine(_look: object) -> Iterator[Finding]:
    """Yield for the doctor whether the keys can be opened, and how old the current one is."""
    current, lost, algorithm = None, False, portal_conf.signing_algorithm()
    for row in SigningKey.objects.all():
        is_open = _opened(row) is not None
        lost = lost or not is_open
        current = row if is_open and row.current == algorithm else current
    if lost:
        said = _("A key that signs id_tokens cannot be opened.")
        fix = _("Put the former key at the end of VESTIBULE_VAULT_KEYS; if it is lost, run: %s")
        yield Finding(False, said, fix % "manage.py rotate_signing_key --now")
    if current is None:
        return  # made at first use
    days = (timezone.now() - current.created_at).days
    yield verdict(
        days < OLD.days,
        _("The key that signs id_tokens is %d days old.") % days,
        _("The key that signs id_tokens is old: %d days.") % days,
        _("Run: manage.py rotate_signing_key"),
    )


def sealed() -> list[Sealed]:
    """Return what this room keeps sealed, for the turn of the vault's keys."""
    rows = SigningKey.objects.all()
    return [Sealed("signing keys", rows, "sealed", PURPOSE, "kid", may_go=True)]


def clear_all_expired() -> int:
    """Delete what is over in this room. Returns the number of rows."""
    return clear_expired() + expiry.clear_expired()


def _signing() -> Key:
    algorithm = portal_conf.signing_algorithm()
    for anew in (False, True):
        for key in _known.all(anew=anew):
            if key.signs and key.algorithm == algorithm:
                return key
        if not anew:
            _make_first(algorithm)
    raise NoKey("The key that signs cannot be opened.")


def _make_first(algorithm: str) -> None:
    """Make the first key, of several threads once. Of several workers that start at once the first
    one's stays. No transaction lasts while a key is made: a busy machine takes seconds for it.
    """
    with _one_at_a_time:
        if SigningKey.objects.filter(current=algorithm).exists():
            return
        made = _made(algorithm)
        with suppress(IntegrityError), transaction.atomic():
            made.save(force_insert=True)


def _made(algorithm: str) -> SigningKey:
    kid = secrets.token_hex(8)
    private: Any
    if algorithm == "ES256":
        private = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    else:
        fresh = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
        private = RSAAlgorithm.to_jwk(fresh, as_dict=True)
    return SigningKey(
        kid=kid, algorithm=algorithm, current=algorithm, sealed=seal(private, PURPOSE, kid)
    )


def _load() -> list[Key]:
    """Return the keys that can be opened, the current ones first, then the newest."""
    rows = sorted(SigningKey.objects.all(), key=lambda row: row.created_at, reverse=True)
    opened = [key for row in rows if (key := _opened(row))]
    young = {row.kid for row in rows if row.created_at > timezone.now() - PUBLISHED_FIRST}
    algorithms = {key.algorithm for key in opened}
    families = [[key for key in opened if key.algorithm == each] for each in algorithms]
    signing = {_signs_now(family, young) for family in families}
    loaded = [replace(key, signs=key.kid in signing) for key in opened]
    return sorted(loaded, key=lambda key: not key.is_current)


def _signs_now(alike: list[Key], young: set[str]) -> str:
    """Return the id of the key that signs, of those of one algorithm, the newest first. While the
    current one is `young` the one before goes on. Empty when the current one cannot be opened.
    """
    current = next((each.kid for each in alike if each.is_current), "")
    if current not in young:
        return current
    return next((each.kid for each in alike if each.kid not in young), alike[-1].kid)


def _opened(row: SigningKey) -> Key | None:
    """Return the key of `row`, None when no key of the vault opens it."""
    try:
        jwk = unseal(row.sealed, PURPOSE, row.kid)
    except Unreadable:
        log.warning("keys.unreadable", kid=row.kid)
        return None
    private = ECAlgorithm.from_jwk(jwk) if row.algorithm == "ES256" else _rsa(jwk)
    names = ("kty", "crv", "x", "y") if row.algorithm == "ES256" else ("kty", "n", "e")
    public = {name: jwk[name] for name in names}
    public |= {"kid": row.kid, "use": "sig", "alg": row.algorithm}
    is_current = row.current is not None
    return Key(row.kid, row.algorithm, private, public, is_current=is_current, signs=False)


def _rsa(jwk: dict[str, str]) -> rsa.RSAPrivateKey:
    """Return the private key of a JWK (RFC 7518, 6.3.2). It is one that we have made and sealed: to
    look again whether its primes are any takes a tenth of a second, each minute in each worker.
    """
    read = {name: int.from_bytes(base64url_decode(jwk[name])) for name in _RSA_MEMBERS}
    public = rsa.RSAPublicNumbers(read.pop("e"), read.pop("n"))
    numbers = rsa.RSAPrivateNumbers(
        read["p"], read["q"], read["d"], read["dp"], read["dq"], read["qi"], public
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)

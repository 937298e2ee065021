"""Time-based one-time codes (RFC 6238, RFC 4226): SHA-1, six digits, a step of 30 seconds.

Every authenticator speaks this form; most ignore what an otpauth address says of another one.
"""

import base64
import binascii
import hmac
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, urlencode

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.keyring import Sealed, Unreadable, seal, unseal
from accounts.models import TotpKey, User

PURPOSE = "totp"
SECONDS = 30
DIGITS = 6
# Steps by which an authenticator's clock may be behind or ahead (RFC 6238, 5.2 and 6).
DRIFT = 1
_BYTES = 20  # RFC 4226, 4: 160 bits


class AlreadyThere(Exception):
    """The person has a second factor by now: nothing has changed."""


def new_secret() -> str:
    """Return a fresh secret of 160 bits in Base32, as authenticators take it."""
    return base64.b32encode(secrets.token_bytes(_BYTES)).decode()


def code_of(secret: str, step: int) -> str:
    """Return the code of a time step (RFC 4226, 5.3). Raises `ValueError` for no Base32."""
    hashed = hmac.digest(_bytes(secret), struct.pack(">Q", step), "sha1")
    at = hashed[-1] & 0xF
    number = int.from_bytes(hashed[at : at + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_at(now: datetime) -> int:
    """Return the time step of a moment (RFC 6238, 4.2)."""
    return int(now.timestamp()) // SECONDS


def matching_step(secret: str, code: str, *moments: datetime) -> int | None:
    """Return the newest step within the drift of one of the moments whose code this is, or None:
    this machine's clock may be wrong, and the database's, which all machines have, may be.
    """
    if not (len(code) == DIGITS and code.isascii() and code.isdigit()):
        return None
    around = range(-DRIFT, DRIFT + 1)
    steps = {step_at(moment) + drift for moment in moments for drift in around}
    fitting = [step for step in steps if hmac.compare_digest(code_of(secret, step), code)]
    return max(fitting, default=None)


def address_of(secret: str, issuer: str, account: str) -> str:
    """Return the otpauth address that an authenticator reads from a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    named = {"secret": secret, "issuer": issuer, "digits": DIGITS, "period": SECONDS}
    return f"otpauth://totp/{label}?{urlencode(named, quote_via=quote)}"


def exists(user: User) -> bool:
    """Tell whether a person has an authenticator here."""
    return TotpKey.objects.filter(user_id=user.pk).exists()


def add(user: User, secret: str, step: int, *, instead: bool = False) -> None:
    """Keep a secret that a code of `step` has confirmed; that code is spent.

    `instead` lets it take the place of a former one. Raises `AlreadyThere` otherwise.
    """
    sealed = seal(secret, PURPOSE, str(user.pk))
    try:
        with transaction.atomic():
            if instead:
                TotpKey.objects.filter(user_id=user.pk).delete()
            TotpKey.objects.create(user_id=user.pk, sealed=sealed, last_step=step)
    except IntegrityError:
        raise AlreadyThere from None


def use(user: User, code: str, now: datetime) -> bool:
    """Spend a code. Returns False for a wrong one, and for one whose step is spent (RFC 6238, 5.2):
    of many callers with one code one gets True.
    """
    row = TotpKey.objects.filter(user_id=user.pk).annotate(beside=Now()).first()
    secret = _secret_of(row) if row else ""
    if row is None or not secret:
        return False
    step = matching_step(secret, code, now, row.beside)
    if step is None:
        return False
    return TotpKey.objects.filter(pk=row.pk, last_step__lt=step).update(last_step=step) == 1


def hand_over(stays: User, goes: User) -> None:
    """Give the authenticator of `goes` to `stays`, who has none."""
    row = TotpKey.objects.filter(user_id=goes.pk).first()
    if row is None or exists(stays):
        return
    secret = _secret_of(row)
    if secret:
        sealed = seal(secret, PURPOSE, str(stays.pk))
        TotpKey.objects.filter(pk=row.pk).update(user_id=stays.pk, sealed=sealed)


def sealed() -> list[Sealed]:
    """Return where secrets rest, for the turn of keys."""
    return [Sealed("second factors", TotpKey.objects.all(), "sealed", PURPOSE, "user_id")]


def _secret_of(row: TotpKey) -> str:
    """Return the secret of a row; nothing for one whose key is gone, which no code fits then."""
    try:
        return str(unseal(row.sealed, PURPOSE, str(row.user_id)))
    except Unreadable:
        return ""


def _bytes(secret: str) -> bytes:
    try:
        return base64.b32decode(secret + "=" * (-len(secret) % 8))
    except binascii.Error as error:
        raise ValueError("not Base32") from error

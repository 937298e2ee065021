"""The two ceremonies of WebAuthn (Level 3, 7.1 and 7.2): what a browser is asked for, and whether
its answer is good. The library `webauthn` verifies; what it raises becomes errors of ours.

The relying party is the host of the site's own address, and its origin the only one that counts: on
other hosts nobody signs in (docs/passkeys.md).
"""

import hashlib
import ipaddress
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_registration_credential_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts import conf, errors
from accounts.errors import InvalidGrant, InvalidRequest
from accounts.factors import cbor
from accounts.http import origin_of
from accounts.models import Passkey, User
from accounts.models.passkeys import LONGEST_ID

CHALLENGE_BYTES = 32
LONGEST_ANSWER = 16 * 1024
_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_ID}}}")
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser sent, as yet unverified: `text` is its JSON, `challenge` the one that it says
    to answer, in Base64url as `credential_id` is.
    """

    text: str = field(repr=False)
    credential_id: str
    challenge: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attested:
    """A new credential, verified."""

    credential_id: str
    public_key: bytes = field(repr=False)
    sign_count: int
    transports: tuple[str, ...]
    aaguid: str
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a verified use of a credential says of its authenticator."""

    sign_count: int
    backed_up: bool


def is_possible() -> bool:
    """Tell whether browsers take the site's host as a relying party: an IP address is none."""
    try:
        ipaddress.ip_address(rp_id())
    except ValueError:
        return bool(rp_id())
    return False


def rp_id() -> str:
    """Return the RP ID: the host of the site's address (WebAuthn Level 3, 5.1.2)."""
    return urlsplit(conf.site_url()).hostname or ""


def origin() -> str:
    """Return the only origin that counts: the one of the site's address, as browsers write it."""
    return origin_of(conf.site_url())


def new_challenge() -> str:
    """Return 32 random bytes in Base64url (WebAuthn Level 3, 13.4.3)."""
    return bytes_to_base64url(secrets.token_bytes(CHALLENGE_BYTES))


def user_handle(person: User) -> str:
    """Return what authenticators know a person by: 32 bytes of the person's random public id, which
    say nothing about them (WebAuthn Level 3, 14.6.1).
    """
    return bytes_to_base64url(hashlib.sha256(b"passkey\0" + person.uid.encode()).digest())


def options_to_use(challenge: str) -> dict[str, Any]:
    """Return the PublicKeyCredentialRequestOptions, as JSON holds them. No credential is named: the
    answer is alike whether or not anybody has one.
    """
    options = webauthn.generate_authentication_options(
        rp_id=rp_id(),
        challenge=base64url_to_bytes(challenge),
        timeout=_milliseconds(),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def options_to_make(
    person: User, challenge: str, site: str, known: Iterable[Passkey]
) -> dict[str, Any]:
    """Return the PublicKeyCredentialCreationOptions of a `person`, as JSON holds them. `site` is
    the name that the browser shows; authenticators that hold one of `known` make no other.
    """
    options = webauthn.generate_registration_options(
        rp_id=rp_id(),
        rp_name=site,
        user_id=base64url_to_bytes(user_handle(person)),
        user_name=person.username,
        user_display_name=person.get_full_name(),
        challenge=base64url_to_bytes(challenge),
        timeout=_milliseconds(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(each) for each in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def read(text: str) -> Answer:
    """Return the answer of a browser, unverified. Raises `InvalidRequest` for what is none."""
    if len(text) > LONGEST_ANSWER:
        raise InvalidRequest("The answer of the browser is too long.")
    try:
        answer = json.loads(text)
        client = json.loads(base64url_to_bytes(answer["response"]["clientDataJSON"]))
        credential_id, challenge = answer["id"], client["challenge"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidRequest("The answer of the browser cannot be read.") from None
    if not isinstance(credential_id, str) or not isinstance(challenge, str):
        raise InvalidRequest("The answer of the browser cannot be read.")
    if not _ID.fullmatch(credential_id):
        raise InvalidRequest("The credential id is too long, or none.")
    if client.get("crossOrigin"):
        raise InvalidRequest("The answer comes from a frame of another site.")
    return Answer(text, credential_id, challenge)


def attested(answer: Answer) -> Attested:
    """Verify a new credential (WebAuthn Level 3, 7.1), whose challenge the caller knows as its own.

    An attestation is not asked for, and tells nothing when it comes. Raises `InvalidGrant`.
    """
    with _refusing():
        credential = parse_registration_credential_json(answer.text)
        cbor.check_attestation(credential.response.attestation_object)
        found = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(answer.challenge),
            expected_rp_id=rp_id(),
            expected_origin=origin(),
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        if bytes_to_base64url(found.credential_id) != answer.credential_id:
            raise ValueError("The credential is another one.")
        _try_key(found.credential_public_key)
        return Attested(
            credential_id=answer.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
            transports=_transports(answer),
            aaguid=found.aaguid,
            backup_eligible=_is_eligible(found.credential_device_type),
            backed_up=found.credential_backed_up,
        )


def asserted(answer: Answer, passkey: Passkey) -> Asserted:
    """Verify the use of a credential (WebAuthn Level 3, 7.2), whose challenge the caller knows as
    its own. The counter is the caller's to judge. Raises `InvalidGrant`.
    """
    with _refusing():
        credential = parse_authentication_credential_json(answer.text)
        cbor.check_data(credential.response.authenticator_data)
        found = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(answer.challenge),
            expected_rp_id=rp_id(),
            expected_origin=origin(),
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        if _handle(answer) != base64url_to_bytes(passkey.user_handle):
            raise ValueError("The credential is another person's.")
        if _is_eligible(found.credential_device_type) != passkey.backup_eligible:
            raise ValueError("The credential may be backed up, or may not any more.")
        return Asserted(found.new_sign_count, found.credential_backed_up)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the library stumbles over stands in the answer
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise InvalidGrant(f"Not verified: {why}"[:200], reason=errors.PASSKEY) from error


def _try_key(public_key: bytes) -> None:
    """Raise what is wrong with a key that no signature could ever be verified by."""
    decoded_public_key_to_cryptography(decode_credential_public_key(public_key))


def _is_eligible(kind: CredentialDeviceType) -> bool:
    return kind == CredentialDeviceType.MULTI_DEVICE


def _handle(answer: Answer) -> bytes:
    said: Mapping[str, Any] = json.loads(answer.text)["response"]
    return base64url_to_bytes(str(said.get("userHandle") or ""))


def _transports(answer: Answer) -> tuple[str, ...]:
    """Return the transports that are words of the specification (WebAuthn Level 3, 5.8.4)."""
    said = json.loads(answer.text)["response"].get("transports")
    known = {each.value for each in AuthenticatorTransport}
    return tuple(sorted(known & {each for each in said if isinstance(each, str)})) if said else ()


def _descriptor(passkey: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(
        id=base64url_to_bytes(passkey.credential_id),
        transports=[AuthenticatorTransport(each) for each in passkey.transports],
    )


def _milliseconds() -> int:
    return int(conf.flow_lifetime().total_seconds() * 1000)

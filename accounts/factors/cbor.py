"""CBOR of an authenticator, looked at before the library reads it: it has no tags, and says how
long each thing is (CTAP2, 8).

The library decodes any tag, and writes out what it has read. A value that is shared (tags 28 and
29) is then written in each of its places: some hundred bytes become more than any machine holds.
"""

from webauthn.helpers import decode_credential_public_key, encode_cbor, parse_cbor

_STRINGS, _TAG, _LONGEST_HEAD = (2, 3), 6, 27  # RFC 8949, 3
_FLAGS, _ATTESTED, _HEADER = 32, 0x40, 37  # WebAuthn Level 3, 6.1
_AAGUID, _LENGTH = 16, 2  # 6.5.1


def check_attestation(found: bytes) -> None:
    """Raise what is wrong with an attestation object that is to be read (WebAuthn, 6.5.4)."""
    _check(found)
    match parse_cbor(found):
        case {"authData": bytes(data)}:
            check_data(data)
        case _:
            raise ValueError("The attestation object has no data.")


def check_data(data: bytes) -> None:
    """Raise what is wrong with authenticator data that is to be read (WebAuthn, 6.1)."""
    if len(data) < _HEADER:
        raise ValueError("The authenticator data is too short.")
    if data[_FLAGS] & _ATTESTED:
        start = _HEADER + _AAGUID + _LENGTH
        _check_key(data[start + int.from_bytes(data[start - _LENGTH : start], "big") :])
    else:
        _check(data[_HEADER:])


def _check_key(data: bytes) -> None:
    """Check a key, and what follows it: the library reads on where the key would end if it were
    written again, and takes the first byte of one kind of key for another.
    """
    _check(data)
    key = encode_cbor(parse_cbor(data))
    if not data.startswith(key):
        raise ValueError("The key is not canonical.")
    decode_credential_public_key(key)  # refuses that kind


def _check(data: bytes) -> None:
    """Go from head to head to the end, whatever is inside of what."""
    at = 0
    while at < len(data):
        kind, short = data[at] >> 5, data[at] & 31
        if kind == _TAG or short > _LONGEST_HEAD:
            raise ValueError("The CBOR is not canonical.")
        wide = 1 << short - 24 if short >= 24 else 0
        value = int.from_bytes(data[at + 1 : at + 1 + wide], "big") if wide else short
        at += 1 + wide + (value if kind in _STRINGS else 0)

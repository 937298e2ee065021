"""What an authenticator, a browser or a stranger may answer wrongly: each is refused, and none is a
defect of ours.
"""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.errors import InvalidGrant, InvalidRequest, ProtocolError
from accounts.factors import ceremony
from accounts.models import Event, Passkey, User
from tests.http.conftest import sign_in
from tests.http.passkeys.authenticator import (
    USER_PRESENT,
    USER_VERIFIED,
    Authenticator,
    changed,
    encoded,
)
from tests.http.passkeys.steps import PAGE, add, asked, new, send, send_new

pytestmark = pytest.mark.wire
STRANGER = Authenticator()
HUGE = b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"  # a CBOR string of 2^63 bytes, without one of them
DEEP = b"\x81" * 5000
USES: dict[str, dict[str, Any]] = {
    "wrong origin": {"client": {"origin": "https://evil.example"}},
    "another port": {"client": {"origin": "http://localhost:8001"}},
    "origin is a list": {"client": {"origin": ["http://localhost:8000"]}},
    "wrong RP ID": {"rp_id": "evil.example"},
    "not verified": {"flags": USER_PRESENT},
    "not present": {"flags": USER_VERIFIED},
    "wrong ceremony": {"client": {"type": "webauthn.create"}},
    "in a frame of another site": {"client": {"crossOrigin": True}},
    "another key": {"key": STRANGER.key},
    "no signature": {"signature": b""},
    "another person's handle": {"handle": b"somebody else"},
    "no handle": {"handle": b""},
    "another type": {"answer": {"type": "password"}},
    "another raw id": {"answer": {"rawId": encoded(STRANGER.id)}},
    "no id": {"answer": {"id": ""}},
    "id with NUL": {"answer": {"id": "a\0"}},
    "half a letter": {"answer": {"id": "\ud800"}},
    "unknown": {"answer": {"id": encoded(STRANGER.id), "rawId": encoded(STRANGER.id)}},
    "endless id": {"answer": {"id": "a" * 1365}},
    "may be backed up all at once": {"flags": USER_PRESENT | USER_VERIFIED | 8},
    "backed up though it may not": {"flags": USER_PRESENT | USER_VERIFIED | 16},
    "attested without data": {"flags": USER_PRESENT | USER_VERIFIED | 64},
    "extended without data": {"flags": USER_PRESENT | USER_VERIFIED | 128},
    "challenge is a number": {"client": {"challenge": 7}},
    "no response": {"answer": {"response": None}},
    "response is a list": {"answer": {"response": []}},
}
TEXTS = ["", "{}", "[]", "null", "7", '"x"', "{" * 9000, "[" * 15000, "x" * 20_000, "\ufeff{}"]
KEYS: dict[str, dict[str, Any]] = {
    "no algorithm": {1: 2, -1: 1, -2: b"x" * 32, -3: b"y" * 32},
    "not on the curve": {1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32},
    "an algorithm that nobody offered": {1: 2, 3: -35, -1: 2, -2: b"x" * 48, -3: b"y" * 48},
    "RSA without numbers": {1: 3, 3: -257, -1: b"", -2: b""},
    "RSA of one": {1: 3, 3: -257, -1: b"\x01", -2: b"\x01"},
    "not a key": {"kty": "EC"},
}  # type: ignore[dict-item]
NEW: dict[str, dict[str, Any]] = {
    "wrong origin": {"client": {"origin": "https://evil.example"}},
    "wrong RP ID": {"rp_id": "evil.example"},
    "not verified": {"flags": USER_PRESENT},
    "wrong ceremony": {"client": {"type": "webauthn.get"}},
    "in a frame of another site": {"client": {"crossOrigin": True}},
    "not CBOR": {"raw": b"\xff"},
    "huge CBOR": {"raw": HUGE},
    "deep CBOR": {"raw": DEEP},
    "CBOR list": {"raw": cbor2.dumps([1])},
    "no data": {"obj": {"authData": b""}},
    "data is text": {"obj": {"authData": "x" * 60}},
    "unknown attestation": {"obj": {"fmt": "voodoo"}},
    "none that says something": {"obj": {"attStmt": {"sig": b"x"}}},
    "packed without a signature": {"obj": {"fmt": "packed", "attStmt": {"alg": -7}}},
    "a statement of rubbish": {"obj": {"fmt": "tpm", "attStmt": {"ver": 7, "x5c": [b"x"]}}},
    "a statement that is none": {"obj": {"fmt": "apple", "attStmt": 7}},
    "another id": {"answer": {"id": encoded(STRANGER.id), "rawId": encoded(STRANGER.id)}},
    "key in pieces": {"cose": b"\xa5\x01"},
    **{name: {"cose": cbor2.dumps(key)} for name, key in KEYS.items()},
}


@pytest.fixture
def alice(person: User) -> Client:
    browser = Client()
    assert sign_in(browser).status_code == 303
    return browser


@pytest.mark.django_db
def test_u12_each_bad_use_is_refused(alice: Client) -> None:
    own = add(alice)
    for name, bent in USES.items():
        # Each from an address of its own: else the budget of one would be spent.
        number = list(USES).index(name)
        browser = Client(raise_request_exception=True, REMOTE_ADDR=f"192.0.2.{number}")
        refused = send(browser, own.use(asked(browser), **bent))
        assert refused.status_code == 303, name
        assert refused["Location"].startswith("/login/failed/"), name
        assert browser.get(refused["Location"]).status_code == 400, name
    for number, text in enumerate(TEXTS):
        browser = Client(raise_request_exception=True, REMOTE_ADDR=f"198.51.100.{number}")
        assert send(browser, text)["Location"].startswith("/login/failed/"), text[:20]
    row = Passkey.objects.get()
    assert (row.sign_count, row.used_at, row.suspended_at) == (0, None, None)
    assert Event.objects.filter(name="login.succeeded").count() == 1


@pytest.mark.django_db
def test_u12_each_bad_credential_is_refused(alice: Client) -> None:
    for name, bent in NEW.items():
        options, challenge = new(alice)
        refused = send_new(alice, Authenticator().make(options, **bent), challenge)
        assert refused.status_code == 400, name
        assert "could not be used" in refused.content.decode(), name
    for text in TEXTS:
        assert send_new(alice, text, new(alice)[1]).status_code == 400, text[:20]
    assert not Passkey.objects.exists()


@pytest.mark.django_db
def test_an_answer_to_another_challenge_adds_nothing(alice: Client) -> None:
    options, challenge = new(alice)
    other, _sealed = new(alice)
    assert send_new(alice, Authenticator().make(other), challenge).status_code == 400
    assert send_new(alice, Authenticator().make(options), "rubbish").status_code == 400
    assert not Passkey.objects.exists()


@pytest.mark.django_db
def test_what_is_registered_is_nobody_elses(alice: Client) -> None:
    own = add(alice)
    User.objects.create_user("bob", "correct horse battery staple").give_local_identity()
    bob = Client()
    sign_in(bob, "bob")
    options, challenge = new(bob)
    assert send_new(bob, own.make(options), challenge).status_code == 400
    assert Passkey.objects.get().user.username == "alice"
    assert bob.get(PAGE).context["rows"] == []


def _shared(levels: int) -> bytes:
    """Return CBOR of which each level is twice the one before (tags 28 and 29)."""
    first, *others = (cbor2.dumps(number) for number in range(levels))
    doubled = (b"\xd8\x1c\x82" + (b"\xd8\x1d" + cbor2.dumps(at)) * 2 for at in range(len(others)))
    return bytes([0x98, levels]) + b"\xd8\x1c\x82\x00" + first + b"".join(doubled)


# Some hundred bytes that would be written as 2^16 numbers, and with 60 levels never to an end.
SHARED = _shared(16)
EXTENDED = USER_PRESENT | USER_VERIFIED | 128
# Two values by one name: the first is lost as it is written again, and what follows is read in it.
TWICE = b"\x22\x58" + bytes([len(SHARED)]) + SHARED + b"\x22\x41\x00"
HIDDEN = b"\xa6" + cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"x" * 32})[1:] + TWICE
# The library mends this key, which some authenticators make, by a byte: it becomes a map of four.
MENDED = bytes.fromhex("a301634f4b500327206745643235353139") + b"\x21\xa2" + TWICE
BOMBS: dict[str, dict[str, Any]] = {
    "a key": {"cose": SHARED},
    "a statement": {"raw": b"\xa3\x67attStmt\xa1\x63sig" + SHARED},
    "beside the data": {"obj": {"x": cbor2.CBORTag(28, [1])}},
    "an extension": {"cose": Authenticator()._cose() + SHARED, "flags": EXTENDED},
    "inside a key": {"cose": HIDDEN, "flags": EXTENDED},
    "inside a key that is mended": {"cose": MENDED, "flags": EXTENDED},
    "endless": {"cose": b"\xbf\xff"},
}


@pytest.mark.parametrize("name", BOMBS)
def test_u12_what_would_grow_is_refused_before_it_is_read(name: str) -> None:
    """The refusal is ours: the library would first write out what it read."""
    options = ceremony.options_to_make(User(username="x", uid="u"), "c" * 43, "Site", ())
    with pytest.raises(InvalidGrant, match=r"not canonical|UnsupportedPublicKey"):
        ceremony.attested(ceremony.read(Authenticator().make(options, **BOMBS[name])))


@pytest.mark.parametrize("flags", [EXTENDED, EXTENDED | 64])
def test_u12_so_it_is_in_a_use(flags: int) -> None:
    before = bytes(18) if flags & 64 else b""
    answer = KNOWN.use("c" * 43, flags=flags, extensions=before + SHARED)
    with pytest.raises(InvalidGrant, match="The CBOR is not canonical"):
        ceremony.asserted(ceremony.read(answer), ROW)


def test_extensions_are_taken() -> None:
    """Chromium asks for credProtect by itself."""
    options = ceremony.options_to_make(User(username="x", uid="u"), "c" * 43, "Site", ())
    own = Authenticator()
    bent = {"cose": own._cose() + cbor2.dumps({"credProtect": 2}), "flags": EXTENDED}
    assert ceremony.attested(ceremony.read(own.make(options, **bent))).public_key == own._cose()


def test_an_attestation_is_taken_but_not_needed() -> None:
    """Firefox keeps the self attestation of an authenticator; Chromium takes it away."""
    own = Authenticator()
    person = User(username="x", uid="u")
    options = ceremony.options_to_make(person, ceremony.new_challenge(), "Site", ())
    found = ceremony.attested(ceremony.read(own.make(options)))
    assert found.public_key
    assert found.aaguid == "00000000-0000-0000-0000-000000000000"


PARTS = ("clientDataJSON", "authenticatorData", "signature", "userHandle")
KNOWN = Authenticator(handle=b"handle")
ROW = Passkey(
    credential_id=encoded(KNOWN.id), public_key=KNOWN._cose(), user_handle=encoded(KNOWN.handle)
)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(part=st.sampled_from(PARTS), raw=st.binary(max_size=120) | st.none())
def test_no_bytes_break_the_use_of_one(part: str, raw: bytes | None) -> None:
    answer = changed(KNOWN.use(ceremony.new_challenge()), part, raw)
    with pytest.raises(ProtocolError):
        ceremony.asserted(ceremony.read(answer), ROW)


@settings(max_examples=30)
@given(raw=st.binary(max_size=200), cut=st.integers(0, 250))
def test_no_bytes_break_a_new_one(raw: bytes, cut: int) -> None:
    person = User(username="x", uid="u")
    options = ceremony.options_to_make(person, ceremony.new_challenge(), "Site", ())
    good = json.loads(Authenticator().make(options))
    for bad in (raw, _cut(good, cut)):
        with pytest.raises(ProtocolError):
            ceremony.attested(ceremony.read(changed(json.dumps(good), "attestationObject", bad)))


def _cut(answer: Any, at: int) -> bytes:
    from tests.http.passkeys.authenticator import decoded

    whole = decoded(answer["response"]["attestationObject"])
    return whole[: min(at, len(whole) - 1)]


@settings(max_examples=30)
@given(value=json_like, name=st.sampled_from(("id", "rawId", "type", "response", "x")))
def test_no_shape_breaks_an_answer(value: Any, name: str) -> None:
    sent = {**json.loads(KNOWN.use(ceremony.new_challenge())), name: value}
    if name == "x":
        sent = value
    try:
        ceremony.asserted(ceremony.read(json.dumps(sent)), ROW)
    except (InvalidGrant, InvalidRequest):
        return
    assert (name, sent) == ("x", value)

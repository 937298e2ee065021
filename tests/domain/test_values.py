"""The small pure parts: keyring, decision, session, proxies, logs, names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts import errors, keyring
from accounts.login.sign_in import Decision, decide
from accounts.models.users import refuse_mixed_scripts, username_key
from accounts.provider import Authentication, LoginFlow, TokenSet
from accounts.serialization import dump, load
from accounts.session.typed import Session
from portal.configuration.logs import redact
from portal.door.user_agents import device_name
from portal.server.proxies import TrustedProxies

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.text(max_size=20), st.text(max_size=20))
def test_what_is_sealed_comes_back(value: Any, purpose: str, bound: str) -> None:
    assert keyring.unseal(keyring.seal(value, purpose, bound), purpose, bound) == value


@given(st.text(max_size=200))
def test_any_other_text_is_unreadable(text: str) -> None:
    with pytest.raises(keyring.Unreadable):
        keyring.unseal(text, "purpose")


def test_a_sealed_text_fits_its_own_place_only() -> None:
    sealed = keyring.seal({"a": 1}, "one", "here")
    for purpose, bound in (("two", "here"), ("one", "there"), ("oneh", "ere")):
        with pytest.raises(keyring.Unreadable):
            keyring.unseal(sealed, purpose, bound)


def test_an_older_key_still_opens_and_the_first_one_seals(settings: Any) -> None:
    old, new = "A" * 43 + "=", "B" * 43 + "="
    settings.VESTIBULE_VAULT_KEYS = [old]
    sealed = keyring.seal("x", "p")
    settings.VESTIBULE_VAULT_KEYS = [new, old]
    assert keyring.unseal(sealed, "p") == "x"
    assert keyring.seal("x", "p").split(".")[0] != sealed.split(".")[0]
    settings.VESTIBULE_VAULT_KEYS = [new]
    with pytest.raises(keyring.Unreadable):
        keyring.unseal(sealed, "p")


@pytest.mark.parametrize(
    ("owner", "link_to", "status", "may_enroll", "expected"),
    [
        (1, None, "active", True, (Decision.AUTH, "")),
        (1, None, "active", False, (Decision.AUTH, "")),
        (1, None, "awaiting_access", True, (Decision.AUTH, "")),
        (1, None, "disabled", True, (Decision.DENY, errors.DISABLED)),
        (None, None, "", True, (Decision.ENROLL, "")),
        (None, None, "", False, (Decision.DENY, errors.NOT_REGISTERED)),
        (None, 7, "active", False, (Decision.LINK, "")),
        (7, 7, "active", False, (Decision.LINK, "")),
        (1, 7, "active", True, (Decision.DENY, errors.NOT_AUTHORIZED)),
        (7, 7, "disabled", False, (Decision.DENY, errors.DISABLED)),
    ],
)
def test_the_decision(
    owner: int | None, link_to: int | None, status: str, may_enroll: bool, expected: Any
) -> None:
    decided = decide(owner=owner, link_to=link_to, status=status, may_enroll=may_enroll)
    assert decided == expected


def test_a_session_comes_back_as_it_was_dumped() -> None:
    now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    whole = Session(
        uid="u", type="oidc", source="s", subject="x", signed_in_at=now, claims={"a": [1]}
    )
    assert load(Session, dump(whole)) == whole


@pytest.mark.parametrize("junk", [None, [], "x", 1, {}, {"uid": "u"}, {"signed_in_at": "never"}])
def test_junk_is_no_session(junk: Any) -> None:
    with pytest.raises(ValueError):
        load(Session, junk)


def test_a_providers_claims_cannot_overrule_the_sessions_words() -> None:
    claims = {"isLoggedIn": False, "type": "local", "user": {"name": "root"}, "extra": 1}
    public = Session(type="oidc", name="Bob", claims=claims).public()
    assert public["isLoggedIn"] is True
    assert public["type"] == "oidc"
    assert public["user"]["name"] == "Bob"
    assert public["extra"] == 1


@pytest.mark.parametrize(
    "value",
    [
        TokenSet("access-secret", "refresh-secret", "id-secret"),
        LoginFlow("s", "state", "nonce-secret", "verifier-secret", "u", "", datetime.now(UTC)),
        Authentication("sub", claims={"cpr": "secret"}, bound_to="secret"),
        Session(subject="secret", name="secret", sid="secret", bound_to="secret"),
    ],
)
def test_no_secret_is_in_a_repr(value: Any) -> None:
    assert "secret" not in repr(value)


@pytest.mark.parametrize(
    "other",
    [
        "ADMIN",
        "admin ",
        " admin",
        "a\u200bdmin",
        "\uff41\uff44\uff4d\uff49\uff4e",
        "admin\u2060",
        "ADMIN\u00ad",
    ],
)
def test_spellings_of_one_name_fold_together(other: str) -> None:
    assert username_key(other) == username_key("admin")


def test_danish_letters_fold_alike_in_both_forms() -> None:
    assert username_key("Å".encode().decode()) == username_key("A\u030a")
    assert username_key("ß") == username_key("ss")


def test_letters_of_two_alphabets_do_not_mix() -> None:
    refuse_mixed_scripts("søren.århus-2")
    refuse_mixed_scripts("админ")
    for mixed in ("\u0430dmin", "\ua4d1atron", "c\u2c9fp", "\u15c5da"):
        with pytest.raises(ValidationError):
            refuse_mixed_scripts(mixed)


@pytest.mark.parametrize(
    "no_name", ["a\nb", "a\rb", "a\x1b[2J", "a\u2028b", "http://a", "a b c d e f"]
)
def test_a_username_is_a_name_in_one_line(no_name: str) -> None:
    refuse_mixed_scripts("Anna Maria von Berg (2)")
    with pytest.raises(ValidationError):
        refuse_mixed_scripts(no_name)


FORWARDED = [
    ("x-forwarded-for", "198.51.100.7, 203.0.113.9, 10.0.0.2"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=1.2.3.4"),
]


@pytest.mark.parametrize("networks", [[], ["10.0.0.0/8"]])
def test_strangers_are_not_believed(networks: list[str]) -> None:
    seen = TrustedProxies(networks).caller("192.0.2.1", "http", FORWARDED)
    assert seen.address == "192.0.2.1"
    assert seen.scheme == "http"
    assert not seen.headers


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_trusted_proxy_names_the_client(peer: str) -> None:
    seen = TrustedProxies(["10.0.0.0/8"]).caller(peer, "http", FORWARDED)
    assert seen.address == "203.0.113.9"
    assert seen.scheme == "https"


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::9]:443", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("198.51.100.7:1, 203.0.113.9:2, 10.0.0.2:3", "203.0.113.9"),
    ],
)
def test_a_port_beside_the_client_is_no_part_of_it(told: str, address: str) -> None:
    """Some load balancers write one. Else all that come by it would be one address."""
    lines = [("x-forwarded-for", told)]
    assert TrustedProxies(["10.0.0.0/8"]).caller("10.0.0.1", "http", lines).address == address


@pytest.mark.parametrize(
    "told", ["", "unknown", "not-an-address", ", ,", "203.0.113.9:", "2001:db8::9]:1", "[x]:1"]
)
def test_nonsense_from_a_trusted_proxy_changes_nothing(told: str) -> None:
    lines = [("x-forwarded-for", told)]
    assert TrustedProxies(["10.0.0.1"]).caller("10.0.0.1", "http", lines).address == "10.0.0.1"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET /auth/callback/x?code=SECRET&state=SECRET", True),
        ("GET /auth/callback/x?a=1&id_token=SECRET", True),
        ("GET /login/reset/uid/SECRET", True),
        ("GET /login?next=%2Fmap%3Fcode%3DSECRET", True),
        ("GET /login?next=/map%3Fa%3D1%26access_token%3dSECRET%26b%3D2", True),
        ("GET /login?next=%252Fmap%253Fx%253D1%2526code%253DSECRET", True),
        ("GET /login?login_hint=SECRET%40example.org&next=%2Foauth", True),
        ("GET /login?next=%2Foauth%2Fauthorize%3Frequest_uri%3Durn%3ASECRET", True),
        ("GET /device/qr/SECRET.svg", True),
        ("GET /login?next=/account/", False),
        ("GET /login?next=%2Fmap%3Fbarcode%3D7", False),
    ],
)
def test_logs_hold_no_secret(text: str, hidden: bool) -> None:
    line = redact(None, "info", {"request": text, "code": 200})["request"]
    assert "SECRET" not in line
    assert ("[redacted]" in line) is hidden


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("curl/8.5", "curl"),
        ("", "Unknown device"),
    ],
)
def test_devices_have_names(agent: str, name: str) -> None:
    assert device_name(agent) == name

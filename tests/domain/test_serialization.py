"""Frozen values as JSON: what an older version of the site sealed stays readable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.login import flow
from accounts.provider import LoginFlow, TokenSet
from accounts.serialization import dump, load, strict_object
from accounts.session.typed import Session

AT, END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 4, 4, 5, 678, tzinfo=UTC)

# Each as version 0.1 sealed it. A site's sessions, tokens and flows survive its upgrade.
SEALED: dict[str, tuple[Any, dict[str, Any]]] = {
    "flow": (
        LoginFlow(
            source="city",
            state="s",
            nonce="n",
            code_verifier="v",
            redirect_uri="https://site.example/auth/callback/city",
            next="/account/",
            started_at=AT,
            again=True,
        ),
        {
            "source": "city",
            "state": "s",
            "nonce": "n",
            "code_verifier": "v",
            "redirect_uri": "https://site.example/auth/callback/city",
            "next": "/account/",
            "started_at": "2026-01-02T03:04:05+00:00",
            "link_uid": "",
            "again": True,
            "other": False,
        },
    ),
    "tokens": (
        TokenSet(access_token="a", refresh_token="r", id_token="i", expires_at=END),
        {
            "access_token": "a",
            "refresh_token": "r",
            "id_token": "i",
            "token_type": "Bearer",
            "scope": "",
            "expires_at": "2026-01-02T04:04:05.000678+00:00",
            "refresh_expires_at": None,
        },
    ),
    "session": (
        Session(
            uid="u",
            type="oidc",
            source="city",
            subject="x",
            name="Åse",
            status="active",
            signed_in_at=AT,
            expires_at=END,
            claims={"locale": "da"},
        ),
        {
            "uid": "u",
            "type": "oidc",
            "source": "city",
            "subject": "x",
            "name": "Åse",
            "username": "",
            "issuer": "",
            "sid": "",
            "status": "active",
            "acr": "",
            "signed_in_at": "2026-01-02T03:04:05+00:00",
            "expires_at": "2026-01-02T04:04:05.000678+00:00",
            "refresh_expires_at": None,
            "upstream_ends_at": None,
            "tokens_expire_at": None,
            "bound_to": "",
            "claims": {"locale": "da"},
        },
    ),
}

# What later versions write beside it.
ADDED: dict[str, dict[str, Any]] = {
    "flow": {"wishes": {}},
    "tokens": {"lifetime": 0},
    "session": {"tokens_lifetime": 0, "amr": (), "auth_time": 0},
}


@pytest.mark.parametrize("name", SEALED)
def test_what_was_sealed_before_is_read_and_written_alike(name: str) -> None:
    value, sealed = SEALED[name]
    assert load(type(value), sealed) == value
    written, whole = dump(value), {**sealed, **ADDED[name]}
    assert written == {key: whole[key] for key in written}
    assert load(type(value), written) == value


@pytest.mark.parametrize("name", SEALED)
def test_the_release_before_reads_what_makes_no_use_of_what_is_new(name: str) -> None:
    value, sealed = SEALED[name]
    assert dump(value).keys() <= sealed.keys(), "it refuses a member that it does not know"
    # It has defaults of its own for those that are left out, but none for times.
    assert {key for key in sealed if key.endswith("_at")} <= dump(value).keys()


@pytest.mark.parametrize("name", SEALED)
def test_what_only_a_newer_version_knows_is_left_out(name: str) -> None:
    value, sealed = SEALED[name]
    assert load(type(value), {**sealed, "of_another_time": True}) == value


def test_a_flow_of_before_an_upgrade_ends_after_it() -> None:
    value, sealed = SEALED["flow"]
    older = {name: each for name, each in sealed.items() if name != "again"}
    first = flow.seal({**older, "purpose": "login"}, "flow")
    assert flow.open_flow(first) == load(LoginFlow, {**older, "again": False})
    assert flow.open_flow(flow.seal_flow(value)) == value


@pytest.mark.parametrize("kind", [LoginFlow, TokenSet, Session])
@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, {"expires_at": 7}, {"more": 1}])
def test_anything_else_is_refused(kind: Any, junk: Any) -> None:
    with pytest.raises(ValueError):
        load(kind, junk)


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"7", b"{", b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "b": 2}}', b'{"a": NaN}',
     b'{"a": -Infinity}', b"\xff\xfe", b'{"a": ' + b"[" * 100_000],
)  # fmt: skip
def test_json_that_two_parsers_could_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        strict_object(raw)


def test_json_that_is_clear_is_read() -> None:
    assert strict_object('{"a": {"b": [1, null, "å"]}}') == {"a": {"b": [1, None, "å"]}}

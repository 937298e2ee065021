"""What an authorization request needs next: a sign-in is not a proof of who somebody is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.errors import LoginRequired
from accounts.session.typed import Session
from accounts.strength import Strength
from portal.authorization_server.asked import Asked
from portal.authorization_server.errors import UnmetAuthenticationRequirements
from portal.authorization_server.steps import Step, next_step

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
SENT = NOW - timedelta(minutes=1)
ASKED = Asked(
    client_id="app",
    redirect_uri="https://app.example/back",
    scopes=("openid",),
    code_challenge="x",
    prompts=frozenset({"login"}),
)
REMEMBERED = Session(
    uid="u", type="oidc", source="town", subject="bob", status="active", signed_in_at=NOW
)


def step(session: Session) -> Step:
    return next_step(
        ASKED, session, "", granted={"openid"}, first_party=True, asked_again_at=SENT, now=NOW
    )


@pytest.mark.parametrize("proved", [None, SENT - timedelta(hours=1)])
def test_whom_the_source_remembers_has_not_signed_in_again(proved: datetime | None) -> None:
    session = replace(REMEMBERED, auth_time=int(proved.timestamp()) if proved else 0)
    assert step(session) == Step.SIGN_IN_AGAIN


def test_who_has_proved_it_since_has() -> None:
    session = replace(REMEMBERED, auth_time=int(NOW.timestamp()))
    assert step(session) == Step.ANSWER


def test_max_age_takes_no_sign_in_of_an_unknown_moment() -> None:
    fresh = replace(ASKED, prompts=frozenset(), max_age=600)
    known = {"granted": {"openid"}, "first_party": True, "asked_again_at": None, "now": NOW}
    assert next_step(fresh, REMEMBERED, "", **known) == Step.SIGN_IN_AGAIN


def test_a_proof_for_this_very_request_outlives_a_slow_way_back() -> None:
    at_once = replace(ASKED, prompts=frozenset(), max_age=0)
    known = {"granted": {"openid"}, "first_party": True, "now": NOW}

    def after(seconds: int, sent: datetime | None) -> Step:
        proved = int((NOW - timedelta(seconds=seconds)).timestamp())
        session = replace(REMEMBERED, auth_time=proved)
        return next_step(at_once, session, "", asked_again_at=sent, **known)

    assert after(50, SENT) == Step.ANSWER
    assert after(50, None) == Step.SIGN_IN_AGAIN
    assert after(61, SENT) == Step.SIGN_IN_AGAIN, "it was proved before this request"
    with pytest.raises(LoginRequired):
        after(61, SENT - timedelta(hours=1))


NSIS = "https://data.gov.dk/concept/core/nsis/loa/Substantial"
LOW, SUBSTANTIAL, HIGH = Strength
KINDS = [
    # what is asked, what the source said, how strong it is, is it enough
    ("", "", None, True),
    ("urn:x", "", None, True),  # voluntary (OIDC Core, 3.1.2.1)
    ("urn:x urn:y", "urn:z", HIGH, True),
    ("low", "low", LOW, True),
    ("low", "", None, False),
    ("low", NSIS, SUBSTANTIAL, True),
    ("substantial", NSIS, SUBSTANTIAL, True),
    ("substantial", "low", LOW, False),
    ("substantial", "high", HIGH, True),
    ("high", NSIS, SUBSTANTIAL, False),
    ("high substantial", NSIS, SUBSTANTIAL, True),  # one of them is enough
    ("high urn:x", "urn:x", None, True),
    ("high urn:x", "urn:y", SUBSTANTIAL, False),
    ("high", "high", LOW, False),  # a source is believed by its table, whatever it says
    ("high", "high", None, False),
]


@pytest.mark.parametrize(("asked", "acr", "level", "enough"), KINDS, ids=str)
def test_9470_5_words_of_ours_are_needed_and_stronger_is_enough(
    asked: str, acr: str, level: Strength | None, enough: bool
) -> None:
    plain = replace(ASKED, prompts=frozenset(), acr_values=asked)
    session = replace(REMEMBERED, acr=acr, auth_time=int(NOW.timestamp()))
    known = {"level": level, "granted": {"openid"}, "first_party": True, "now": NOW}
    first = next_step(plain, session, "", asked_again_at=None, **known)
    assert first == (Step.ANSWER if enough else Step.SIGN_IN_AGAIN)
    if not enough:
        with pytest.raises(UnmetAuthenticationRequirements):
            next_step(plain, session, "", asked_again_at=SENT, **known)
        silent = replace(plain, prompts=frozenset({"none"}))
        with pytest.raises(UnmetAuthenticationRequirements):
            next_step(silent, session, "", asked_again_at=None, **known)


ESSENTIAL = [
    ({"urn:x"}, "urn:x", None, True),
    ({"urn:x"}, "urn:y", HIGH, False),
    ({"substantial"}, NSIS, SUBSTANTIAL, True),
    ({"substantial"}, NSIS, LOW, False),
    ({"urn:x", "low"}, "urn:y", LOW, True),
]


def _word(value: Any) -> str:
    """Return a value as it is called: a set in an order that each process gives it."""
    return "+".join(sorted(value)) if isinstance(value, set | frozenset) else str(value)


@pytest.mark.parametrize(("needed", "acr", "level", "enough"), ESSENTIAL, ids=_word)
def test_5_5_1_1_what_is_essential_goes_before_what_is_wished(
    needed: set[str], acr: str, level: Strength | None, enough: bool
) -> None:
    plain = replace(ASKED, prompts=frozenset(), acr=frozenset(needed), acr_values="low")
    session = replace(REMEMBERED, acr=acr, auth_time=int(NOW.timestamp()))
    known = {"level": level, "granted": {"openid"}, "first_party": True, "now": NOW}
    first = next_step(plain, session, "", asked_again_at=None, **known)
    assert first == (Step.ANSWER if enough else Step.SIGN_IN_AGAIN)

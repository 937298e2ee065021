"""Who a patron is: the look-ups, and what stands for a patron without one (docs/threats.md 2.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from accounts.errors import AccessDenied, InvalidGrant, TemporarilyUnavailable
from accounts.login.flow import new_flow
from accounts.provider import Authentication
from tests.http.cms.conftest import SLUG, Provide
from tests.peers.cms import Cms, Patron
from tests.peers.site import free_port

FLOW = new_flow(SLUG, "http://localhost:8000/auth/callback/library", "", datetime.now(UTC))
NO_PERSON = {"userinfo_url": None, "subject_key": None}
NOTHING = {**NO_PERSON, "patron_url": None}


def enter(provider: object, library: Cms, person: str = "rikke") -> Authentication:
    patron = Patron(library)
    patron.sign_in(person)
    outcome: Authentication = provider.complete_login(  # type: ignore[attr-defined]
        FLOW, {}, patron.cookies
    )
    return outcome


@pytest.mark.parametrize("person", ["rikke", "lars", "nils"])
def test_case_28_and_34_a_person_is_the_same_each_time_by_cpr_or_unique_id(
    provide: Provide, library: Cms, person: str
) -> None:
    first, second = (enter(provide(), library, person) for _ in range(2))
    assert first.subject == second.subject
    assert first.tokens != second.tokens


def test_case_28_people_differ_and_their_numbers_are_not_in_the_subject(
    provide: Provide, library: Cms
) -> None:
    subjects = {enter(provide(), library, each).subject for each in ("rikke", "lars", "nils")}
    assert len(subjects) == 3
    for known in ("9999999901", "unique-rikke", "unique-lars", "9999999903"):
        assert known not in "".join(subjects)


def test_case_28_another_key_makes_another_subject(provide: Provide, library: Cms) -> None:
    other = provide(subject_key="another key of at least thirty-two characters")
    assert enter(provide(), library).subject != enter(other, library).subject


def test_case_28_who_has_neither_number_is_nobody(provide: Provide, library: Cms) -> None:
    library.trouble("no-person")
    with pytest.raises(InvalidGrant, match="names nobody"):
        enter(provide(), library)


def test_an_editor_has_no_token_and_is_nobody(provide: Provide, library: Cms) -> None:
    patron = Patron(library)
    patron.sign_in("else")
    assert provide().recognise(patron.cookies) is None


def test_by_the_patron_service_alone_the_number_identifies(provide: Provide, library: Cms) -> None:
    provider = provide(**NO_PERSON)
    first, second = enter(provider, library), enter(provider, library)
    assert (first.subject, first.name) == (second.subject, "Rikke Læser")
    assert first.subject != enter(provider, library, "lars").subject


def test_without_a_look_up_the_token_identifies_and_is_not_told(
    provide: Provide, library: Cms
) -> None:
    provider = provide(**NOTHING)
    first, second = enter(provider, library), enter(provider, library)
    assert first.subject != second.subject  # the next sign-in brings another token
    assert first.tokens
    assert first.tokens.access_token not in first.subject
    assert first.name == ""


def test_w32_two_devices_of_one_patron_are_one_person_without_a_look_up(
    provide: Provide, library: Cms
) -> None:
    provider, one, other = provide(**NOTHING), Patron(library), Patron(library)
    one.sign_in()
    other.sign_in()
    first, second = (provider.recognise(each.cookies) for each in (one, other))
    assert first
    assert second
    assert first.subject == second.subject


def test_the_outcome_is_whole(provide: Provide, library: Cms) -> None:
    outcome = enter(provide(), library)
    assert outcome.issuer == library.url
    assert outcome.tokens
    assert outcome.expires_at == outcome.tokens.expires_at
    assert len(outcome.bound_to) == 64
    assert outcome.tokens.access_token not in repr(outcome)
    assert outcome.bound_to not in repr(outcome)


def test_w26_not_registered_is_told_apart(provide: Provide, library: Cms) -> None:
    with pytest.raises(AccessDenied) as caught:
        enter_by_cookie(provide(registered_only=True), library, "nils")
    assert caught.value.reason == "not-registered"


def test_w26_where_all_may_come_in_so_may_the_unregistered(provide: Provide, library: Cms) -> None:
    outcome = enter_by_cookie(provide(), library, "nils")
    assert outcome.name == ""
    assert outcome.subject.startswith("person:")


def test_a_patron_who_is_registered_comes_in_where_only_those_may(
    provide: Provide, library: Cms
) -> None:
    assert enter(provide(registered_only=True), library).name == "Rikke Læser"


def test_w26_who_is_locked_out_is_not_told_to_register(provide: Provide, library: Cms) -> None:
    library.trouble("locked-out")
    with pytest.raises(AccessDenied) as caught:
        enter(provide(registered_only=True), library)
    assert caught.value.reason == "not-authorized"


@pytest.mark.parametrize("settings", [{}, {"registered_only": True}, NO_PERSON], ids=str)
def test_a_patron_service_that_is_down_matters_only_where_it_decides(
    provide: Provide, library: Cms, settings: dict[str, object]
) -> None:
    library.trouble("no-patrons")
    provider = provide(**settings)
    if not settings:
        assert enter(provider, library).name == ""
        return
    with pytest.raises(TemporarilyUnavailable):
        enter(provider, library)


def test_a_userinfo_that_is_gone_lets_nobody_in_halfway(provide: Provide, library: Cms) -> None:
    with pytest.raises(TemporarilyUnavailable):
        enter(provide(userinfo_url=f"http://localhost:{free_port()}/"), library)


def test_a_look_up_that_is_none_is_trouble(provide: Provide, library: Cms) -> None:
    with pytest.raises(TemporarilyUnavailable):
        enter(provide(userinfo_url=f"{library.url}/healthz"), library)


def enter_by_cookie(provider: object, library: Cms, person: str) -> Authentication:
    """Their cookie reaches us though the CMS keeps the unregistered on its own pages."""
    patron = Patron(library)
    patron.sign_in(person)
    outcome: Authentication = provider.complete_login(  # type: ignore[attr-defined]
        None, {}, patron.cookies
    )
    return outcome

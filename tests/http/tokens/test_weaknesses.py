"""What was wrong with MapStore's GeoStore is not wrong here: each weakness of
docs/threats.md 3.4 that concerns this login, by its number.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Event, Identity, OutboxItem, Source, StoredSession, User
from accounts.session import people
from portal.tokens import token_format
from tests.http.conftest import sign_in
from tests.http.test_way_in import parallel
from tests.http.tokens.caller import DETAILS, REFRESH, Caller, dead_for_good, is_alive
from tests.peers.upstream import Upstream

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
Tenant = Callable[..., Source]


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


@pytest.fixture
def handed(tenant: Tenant) -> Caller:
    tenant(leaves_by="call")
    own = Caller()
    own.hand_over()
    own.fetch()
    return own


@pytest.mark.parametrize(
    "given",
    [token_format.new_refresh_token(), "", "x", None],
    ids=["unknown", "empty", "short", "none"],
)
def test_1_a_wrong_refresh_token_is_refused_whatever_stands_beside_it(
    caller: Caller, given: str | None
) -> None:
    wrong = {"access_token": caller.pair["access_token"], "refresh_token": given}
    answer = caller.post(REFRESH, {"sessionToken": wrong}, **caller.bearer())
    assert answer.status_code in {400, 401}
    assert caller.pair["refresh_token"] not in answer.content.decode()


def test_1_a_session_that_has_expired_but_was_not_swept_is_refused(caller: Caller) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert StoredSession.objects.exists()
        assert dead_for_good(caller)


def test_2_the_way_upstream_has_state_and_nonce_and_a_bare_code_is_worth_nothing(
    handed: Caller, peer: Upstream
) -> None:
    started = Client().get("/openid/town/login")
    asked = parse_qs(urlsplit(started["Location"]).query)
    assert asked["state"][0] != asked["nonce"][0]
    before = peer.asked["/token"]
    for path in ("callback", "login"):
        Client().get(f"/openid/town/{path}?code=eve")
    assert peer.asked["/token"] == before


def test_4_nobody_is_let_in_by_what_was_true_before(caller: Caller) -> None:
    """No answer is remembered: the first call after the end is refused."""
    assert is_alive(caller)
    StoredSession.objects.all().delete()
    assert not is_alive(caller)


def test_5_an_upstreams_admin_is_not_ours(tenant: Tenant, person: User, peer: Upstream) -> None:
    User.objects.create_superuser("admin", "a long enough password", email="admin@example.org")
    tenant()
    peer.extra = {"name": "admin", "email": "admin@example.org"}
    caller = Caller()
    caller.hand_over(subject="admin")
    caller.fetch()
    known = caller.get().json()["User"]
    assert known["role"] == "USER"
    assert known["name"] != "admin"
    assert Identity.objects.get(subject="admin").user.is_staff is False


def test_7_a_disabled_person_is_cut_off_on_every_road(handed: Caller, person: User) -> None:
    for each in User.objects.all():
        people.disable(each)
    assert dead_for_good(handed)
    assert handed.login().status_code == 403
    assert handed.hand_over()["Location"].startswith("/login/failed/")


def test_8_an_access_token_alone_refreshes_nothing(caller: Caller) -> None:
    token = caller.pair["access_token"]
    assert caller.post(REFRESH, {}, **caller.bearer()).status_code == 400
    only = {"sessionToken": {"access_token": token}}
    assert caller.post(REFRESH, only, **caller.bearer()).status_code == 400


def test_8_reuse_is_found_out_and_no_life_is_endless(caller: Caller) -> None:
    first = caller.pair["refresh_token"]
    caller.refresh()
    caller.refresh(first)
    assert dead_for_good(caller)
    assert Event.objects.filter(name="token.reused").exists()


def test_9_no_route_takes_a_token_in_its_path_or_query(caller: Caller) -> None:
    token = caller.pair["access_token"]
    patterns = [
        str(route.pattern)
        for part in get_resolver().url_patterns
        for route in getattr(part, "url_patterns", [part])
        if str(route.pattern).startswith(("session", "users", "openid", "auth/session"))
    ]
    assert {each for each in patterns if "<" in each} == {
        "openid/<slug:slug>/login",
        "openid/<slug:slug>/callback",
        "openid/<str:slug>/tokens",
    }
    assert caller.client.get(f"{DETAILS}?access_token={token}").status_code == 401


def test_9_the_identifier_in_the_address_is_worth_nothing_to_who_reads_a_log(
    tenant: Tenant,
) -> None:
    tenant()
    caller = Caller()
    caller.hand_over()
    seen = str(caller.client.cookies["tokens_key"].value)
    assert Caller().fetch(identifier=seen).status_code == 404


def test_10_no_log_line_holds_a_token(
    tenant: Tenant, caplog: Any, capsys: Any, django_capture_on_commit_callbacks: Any
) -> None:
    tenant()
    caller = Caller()
    with caplog.at_level("DEBUG"):
        caller.hand_over()
        caller.fetch()
        secrets = list(caller.pair.values())[:2]
        caller.refresh()
        caller.leave()
    said = caplog.text + "".join(capsys.readouterr())
    for secret in (*secrets, caller.pair["access_token"], "at-bob", "rt-bob", "it-bob"):
        assert secret not in said


def test_11_leaving_tells_the_upstream_the_truth_and_the_caller_too(
    handed: Caller, peer: Upstream
) -> None:
    peer.mood = "failing"
    assert handed.leave().json()["upstream"] == "pending"
    assert OutboxItem.objects.count() == 1
    assert dead_for_good(handed)
    assert handed.leave().status_code == 401


def test_12_each_session_asks_its_own_upstream(tenant: Tenant, peer: Upstream) -> None:
    tenant()
    tenant("school")
    first, second = Caller(), Caller()
    first.hand_over("town", "bob")
    first.fetch("town")
    second.hand_over("school", "eve")
    second.fetch("school")
    first.leave()
    assert is_alive(second)
    row = Source.objects.get(slug="town")
    row.enabled = False
    row.save()
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        assert second.refresh().status_code == 200


def test_13_of_two_who_redeem_one_wins_and_no_answer_is_stored(tenant: Tenant) -> None:
    tenant()
    caller = Caller()
    caller.hand_over()
    held = {name: morsel.value for name, morsel in caller.client.cookies.items()}

    def fetch() -> Any:
        own = Caller()
        own.client.cookies.load(held)
        return own.fetch()

    answers = parallel(2, fetch)
    assert sorted(each.status_code for each in answers) == [200, 404]
    assert {each["Cache-Control"] for each in answers} == {"no-store"}


def test_13_a_sweep_leaves_what_is_fresh(tenant: Tenant) -> None:
    from portal.tokens import handover

    tenant()
    caller = Caller()
    caller.hand_over()
    assert handover.clear_expired() == 0
    assert caller.fetch().status_code == 200


def test_14_a_refusal_reinstates_nothing(handed: Caller, peer: Upstream) -> None:
    peer.refuses = {"/refresh"}
    with time_machine.travel(timezone.now() + timedelta(seconds=275)):
        answer = handed.refresh()
    assert set(answer.json()) == {"error", "error_description", "loginUrl"}
    assert "access_token" not in answer.content.decode()


def test_16_the_challenge_is_never_left_out(tenant: Tenant) -> None:
    tenant()
    asked = parse_qs(urlsplit(Client().get("/openid/town/login")["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]


def test_17_lives_are_seconds_everywhere(caller: Caller, handed: Caller) -> None:
    assert caller.refresh().json()["expires"] == 3600
    assert handed.refresh().json()["expires"] in range(3590, 3601)


def test_17_guessing_is_throttled_over_both_roads_together(person: User) -> None:
    browser, caller = Client(), Caller()
    for _ in range(3):
        sign_in(browser, "alice", "wrong")
    statuses = [caller.login(password="wrong").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_17_whatever_is_known_is_in_the_database(caller: Caller) -> None:
    """Another worker, or the same after a restart, knows the tokens as well."""
    elsewhere = Caller()
    elsewhere.pair = caller.pair
    assert is_alive(elsewhere)
    assert elsewhere.refresh().status_code == 200

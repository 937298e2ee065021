"""The keys that sign: the first is made at its first use, and one that somebody else has seen is
withdrawn in every worker (docs/operations.md 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import ended
from portal.authorization_server import keys
from portal.authorization_server.models import SigningKey
from tests.http.oauth.application import Application
from tests.http.oidc.conftest import parallel

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_key_is_made_once_and_no_transaction_lasts_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, in_transaction = rsa.generate_private_key, []

    def watched(**how: Any) -> Any:
        in_transaction.append(connection.in_atomic_block)
        return make(**how)

    monkeypatch.setattr(rsa, "generate_private_key", watched)
    parallel(12, lambda: keys.sign({"sub": "somebody"}))
    keys.rotate()
    assert in_transaction == [False, False]
    assert SigningKey.objects.count() == 2
    assert SigningKey.objects.filter(current__isnull=False).count() == 1


@contextmanager
def another_worker() -> Iterator[None]:
    """Run what follows in a worker that has read nothing yet, and come back half a second later."""
    with pytest.MonkeyPatch.context() as there:
        there.setattr(keys, "_known", keys._Known())
        there.setattr(ended, "_feed", ended.Feed())
        yield
    ended._feed.expire()


def published(browser: Browser) -> list[str]:
    return [each["kid"] for each in browser.get("/oauth/jwks").json()["keys"]]


def hinted(app: Application, token: str) -> Any:
    return app.ask(prompt="none", scope="openid", id_token_hint=token)


def test_a_key_that_somebody_has_seen_is_withdrawn_in_every_worker(app: Application) -> None:
    token = app.sign_in(scope="openid")["id_token"]
    assert "code" in app.answer(hinted(app, token))
    with another_worker():
        call_command("rotate_signing_key", "--withdraw", stdout=(out := StringIO()))
    assert published(app.back) == [out.getvalue().strip()]
    assert app.answer(hinted(app, token))["error"] == "invalid_request"
    assert app.browser.get("/oauth/logout", {"id_token_hint": token}).status_code == 400
    fresh = app.sign_in(scope="openid")["id_token"]
    assert jwt.get_unverified_header(fresh)["kid"] == out.getvalue().strip()
    assert "code" in app.answer(hinted(app, fresh))


def test_an_ordinary_turn_takes_what_was_signed_before(app: Application) -> None:
    token = app.sign_in(scope="openid")["id_token"]
    call_command("rotate_signing_key", "--now", stdout=StringIO())
    assert "code" in app.answer(hinted(app, token))
    assert len(published(app.back)) == 2


def test_a_worker_looks_for_a_key_that_another_has_just_made(app: Application) -> None:
    assert keys._known.all() == []
    with another_worker():
        token = app.sign_in(scope="openid")["id_token"]
    assert "code" in app.answer(hinted(app, token))


def test_ids_that_strangers_make_up_are_looked_for_once_in_a_while(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_LOOK_EVERY", 3600.0)
    app.sign_in(scope="openid")
    forged = jwt.encode({"iss": "x"}, "k" * 32, headers={"kid": "none of ours", "typ": keys.TYPE})
    with CaptureQueriesContext(connection) as queries:
        for _ in range(5):
            with pytest.raises(keys.NotOurs):
                keys.claims_of(forged)
    table = SigningKey._meta.db_table
    assert len([each for each in queries if table in each["sql"]]) == 1


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_x15_the_algorithm_that_is_listed_is_the_one_that_signs(
    settings: Any, client: Browser, house: None, algorithm: str
) -> None:
    settings.VESTIBULE_SIGNING_ALGORITHM = algorithm
    document = client.get("/.well-known/openid-configuration").json()
    signed = jwt.get_unverified_header(keys.sign({"sub": "somebody"}))["alg"]
    assert document["id_token_signing_alg_values_supported"] == [algorithm] == [signed]


def days_on(start: datetime, days: float) -> Any:
    ended._feed.expire()
    keys._known.forget()
    return time_machine.travel(start + timedelta(days=days), tick=True)


def test_where_keys_are_turned_each_week_former_ones_go_as_well(client: Browser) -> None:
    now, made = timezone.now(), [keys.sign({"sub": "somebody"})]
    for week in range(1, 10):
        with days_on(now, 7 * week):
            keys.rotate()
            call_command("clear_expired")
    with days_on(now, 7 * 9 + 1):
        call_command("clear_expired")
        kept = published(client)
        assert jwt.get_unverified_header(made[0])["kid"] not in kept
        # That of day 28 was replaced on day 35: it is the oldest that was so within thirty days.
        assert len(kept) == 6
        assert kept[0] == SigningKey.objects.get(current="RS256").kid


def test_a_key_verifies_for_thirty_days_after_the_next_one_came(client: Browser) -> None:
    now, former = timezone.now(), keys.sign({"sub": "somebody"})
    kid = jwt.get_unverified_header(former)["kid"]
    with days_on(now, 50):
        keys.rotate()
    with days_on(now, 60):
        keys.rotate()
    for day, there in ((79, True), (81, False)):
        with days_on(now, day):
            call_command("clear_expired")
            assert (kid in published(client)) is there, day


def test_the_doctor_judges_the_key_that_signs(settings: Any) -> None:
    """That of an algorithm which the site tried meanwhile is no younger, and no older, for it."""
    now = timezone.now()
    for algorithm, days in (("RS256", -400), ("ES256", -1)):
        settings.VESTIBULE_SIGNING_ALGORITHM = algorithm
        with days_on(now, days):
            keys.sign({"sub": "somebody"})
            assert [each.ok for each in keys.examine(None)] == [True]
    settings.VESTIBULE_SIGNING_ALGORITHM = "RS256"
    assert [each.ok for each in keys.examine(None)] == [False]

"""What ends, changes or is taken back at the very moment at which somebody makes use of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import Event, Source, User
from portal.authorization_server.models import RefreshToken
from tests.http.oauth.test_meanwhile import closing, wait_for
from tests.http.tokens.caller import REFRESH, Caller

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]


def held_up(lock: Callable[[], object], *tasks: Callable[[], Any]) -> list[Any]:
    """Return what the tasks return, which come one after the other to what `lock` holds."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        with transaction.atomic():
            lock()
            begun = []
            for number, task in enumerate(tasks, 1):
                begun.append(pool.submit(closing, task))
                wait_for(number)
        return [each.result(30) for each in begun]


@pytest.mark.parametrize("kind", ["browser", "client"])
def test_who_renews_while_the_reuse_is_found_is_out_too(
    kind: str, person: User, tenant: Tenant, client: Client
) -> None:
    """RFC 9700, 4.14.2: else whoever renews without pause outlives each reuse."""
    tenant()
    own = Caller(client)
    if kind == "browser":
        own.hand_over()
        own.fetch()
    else:
        own.login()
    spent = own.pair["refresh_token"]
    own.refresh()

    def renew(token: str) -> Any:
        return Caller().post(REFRESH, {"refresh_token": token})

    live = RefreshToken.objects.filter(revoked=None).select_for_update()
    thief = partial(renew, own.pair["refresh_token"])
    reuse, renewed = held_up(live.get, partial(renew, spent), thief)
    assert reuse.status_code == 401
    assert renewed.status_code in {200, 401}, "neither waits for the other until one is refused"
    newest = renewed.json().get("refresh_token", own.pair["refresh_token"])
    assert renew(newest).status_code == 401
    assert not RefreshToken.objects.filter(revoked=None).exists()
    assert Event.objects.filter(name="token.reused").exists()

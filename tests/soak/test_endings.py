"""Somebody leaves: each of three workers refuses them within a second (docs/scale.md 6)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import requests

from tests.http.gateway.test_gateway_workers import ASKED, RULES
from tests.http.test_workers import PERSON, signed_in
from tests.peers import patience
from tests.peers.site import Site
from tests.peers.soak import Told

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]
WORKERS, ENDINGS, AT_ONCE = 3, 200, 5
# By new connections, each of which any worker may get: none is left out of so many.
TIMES = 30


@dataclass
class Ending:
    """What was seen of one: questions, seconds until the last of them was let in, and how many were
    let in after a second.
    """

    asked: int = 0
    latest: float = 0.0
    late: int = 0


@pytest.fixture
def house(site: Callable[..., Site]) -> Site:
    own = site(env={**patience.USUAL, "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1"}, workers=WORKERS)
    own.manage("shell", "--verbosity=0", stdin=PERSON)
    own.manage("rules", "apply", "-", stdin=RULES.format(access="public"))
    return own


def lets_in(house: Site, cookie: str) -> bool:
    sent = {**ASKED, "X-Forwarded-Uri": "/files", "Cookie": f"vestibule={cookie}"}
    url = house.url.replace("localhost", "127.0.0.1") + "/gateway/check"
    status = requests.get(url, headers=sent, allow_redirects=False, timeout=30).status_code
    assert status in {200, 302}, status
    return status == 200


def ended(house: Site) -> Ending:
    browser = signed_in(house.url)
    cookie = str(browser.cookies["vestibule"])
    assert all(lets_in(house, cookie) for _ in range(TIMES)), "each worker keeps it"
    token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    left = browser.post(f"{house.url}/auth/logout", token, allow_redirects=False)
    assert left.status_code in {200, 303}, left.text
    began, seen = time.monotonic(), Ending()
    while (asked_at := time.monotonic() - began) < 1.0:
        seen.asked += 1
        if lets_in(house, cookie):
            seen.latest = asked_at
    seen.late = sum(lets_in(house, cookie) for _ in range(TIMES))
    return seen


def test_each_worker_refuses_within_a_second_who_has_left(house: Site, told: Told) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = list(pool.map(lambda _: ended(house), range(ENDINGS)))
    told(
        "endings",
        operation=f"{ENDINGS} people leave, {WORKERS} workers",
        asked=sum(each.asked for each in seen) + ENDINGS * TIMES,
        **{
            "let in within the second": sum(each.latest > 0 for each in seen),
            "the latest, s": f"{max(each.latest for each in seen):.2f}",
            "after it": sum(each.late for each in seen),
        },
    )
    assert not any(each.late for each in seen)

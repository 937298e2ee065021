"""A flood of wrong passwords at the real site, while people with the right ones come in."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.peers.site import Site

pytestmark = pytest.mark.wire

PASSWORD = "correct horse battery staple"
PEOPLE = f"""
from accounts.models import User
for name in ("alice", "bob"):
    User.objects.create_user(name, {PASSWORD!r}).give_local_identity()
"""
FLOODERS = 24


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    """Give the site at the real price of a hash, behind a proxy, and two people."""
    price = {"VESTIBULE_ARGON2_MEMORY_KIB": "47104"}
    house = site({"VESTIBULE_TRUSTED_PROXIES": "127.0.0.1", **price}, threads=16)
    house.manage("shell", "--verbosity=0", stdin=PEOPLE)
    return house


def browser_at(house: Site, address: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["X-Forwarded-For"] = address
    session.get(f"{house.url}/login")
    return session


def sign_in(house: Site, browser: requests.Session, name: str, password: str = PASSWORD) -> int:
    page = browser.get(f"{house.url}/login?choose=1").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    form = {"csrfmiddlewaretoken": token[1], "username": name, "password": password}
    answer = browser.post(f"{house.url}/auth/login/local", form, allow_redirects=False)
    came_in = "/login/failed/" not in answer.headers.get("Location", "")
    return answer.status_code if came_in else 503


@contextmanager
def flood(house: Site, address: Callable[[int, int], str]) -> Iterator[list[int]]:
    """Guess at many names, from where `address` of guesser and guess says, until the block ends."""
    over, answers = threading.Event(), list[int]()

    def guess(guesser: int) -> None:
        with requests.Session() as wire:
            wire.trust_env = False
            number = 0
            while not over.is_set():
                number += 1
                form = {"username": f"nobody{guesser}-{number}", "password": "a wrong password"}
                headers = {"X-Forwarded-For": address(guesser, number)}
                url = f"{house.url}/session/login"
                answers.append(wire.post(url, json=form, headers=headers).status_code)

    guessers = [threading.Thread(target=guess, args=(each,)) for each in range(FLOODERS)]
    for each in guessers:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in guessers:
            each.join(60)


def test_who_is_known_comes_in_while_all_the_world_guesses(house: Site) -> None:
    owner = browser_at(house, "192.0.2.1")
    assert sign_in(house, owner, "alice") == 303
    owner.cookies.pop("vestibule", None)
    with flood(house, lambda guesser, number: f"203.0.{guesser}.{number % 250}") as answers:
        came = []
        for _ in range(10):
            came.append(sign_in(house, owner, "alice"))
            owner.cookies.pop("vestibule", None)
    assert came == [303] * 10
    assert 503 in answers, "there was no flood"


@pytest.mark.soak
def test_who_is_not_comes_in_while_one_network_guesses(house: Site) -> None:
    with flood(house, lambda guesser, _number: f"2001:db8::{guesser}") as answers:
        came = [sign_in(house, browser_at(house, f"192.0.2.{10 + n}"), "bob") for n in range(10)]
    assert came == [303] * 10
    assert {401} & set(answers)

"""What one process ends, the others refuse within a second (docs/architecture.md 5)."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import requests

from tests.peers.site import Site

PERSON = """
from accounts.models import User
User.objects.create_user("alice", "correct horse battery staple").give_local_identity()
"""
END_ALL = """
from accounts.session import people
from accounts.models import User
people.end_all(User.objects.get().pk, "a test")
"""


def signed_in(url: str) -> requests.Session:
    browser = requests.Session()
    page = browser.get(f"{url}/login").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {
        "csrfmiddlewaretoken": token[1],
        "username": "alice",
        "password": "correct horse battery staple",
    }
    answer = browser.post(f"{url}/auth/login/local", form, allow_redirects=False)
    assert answer.status_code == 303
    return browser


def is_signed_in(browser: requests.Session, url: str) -> bool:
    cookies = {"vestibule": browser.cookies["vestibule"]}
    return bool(requests.get(f"{url}/auth/session", cookies=cookies).json()["isLoggedIn"])


def test_every_worker_refuses_what_another_process_ended(site: Callable[..., Site]) -> None:
    workers = 3 if os.environ.get("REDIS_URL") else 1
    house = site(workers=workers)
    house.manage("shell", "--verbosity=0", stdin=PERSON)
    browsers = [signed_in(house.url) for _ in range(3)]
    # New connections, so that every worker has seen, and cached, every session.
    assert all(is_signed_in(each, house.url) for each in browsers * 8)
    house.manage("shell", "--verbosity=0", stdin=END_ALL)
    time.sleep(1.0)
    assert not any(is_signed_in(each, house.url) for each in browsers * 8)

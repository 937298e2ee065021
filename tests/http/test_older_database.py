"""docs/moving.md, 3: an older database comes back under workers that run on, and a Redis that knows
more than it does. Nobody is somebody else, and nobody is in whom the database does not know.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
import requests

from tests.http.conftest import PASSWORD
from tests.http.test_without_database import csrf, enter, open_site, until
from tests.peers.services import Postgres, Redis
from tests.peers.site import Site

APPLICATION = "files.example.org"
ASKED = {
    "X-Forwarded-Host": APPLICATION,
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Uri": "/",
}


class Older:
    """A database as of a moment, which comes back. Whoever inherits says how."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres

    def keep(self) -> None:
        raise NotImplementedError

    def comes_back(self) -> None:
        raise NotImplementedError


class Files(Older):
    """A snapshot of the disk: the server starts with the files of before."""

    def keep(self) -> None:
        with self.postgres.stopped():
            shutil.copytree(*self._folders(), symlinks=True)
            self._own()

    def comes_back(self) -> None:
        now, before = self._folders()
        with self.postgres.stopped():
            shutil.rmtree(now)
            before.rename(now)

    def _folders(self) -> tuple[Any, Any]:
        return self.postgres.folder / "data", self.postgres.folder / "before"

    def _own(self) -> None:
        now, before = self._folders()
        for each in (before, *before.rglob("*")):
            there = (now / each.relative_to(before)).lstat()
            shutil.chown(each, there.st_uid, there.st_gid)


class Restored(Older):
    """A restored backup: another database takes the name of the former one."""

    def keep(self) -> None:
        self._run("CREATE DATABASE before TEMPLATE vestibule")

    def comes_back(self) -> None:
        self._run(
            "ALTER DATABASE vestibule RENAME TO former", "ALTER DATABASE before RENAME TO vestibule"
        )

    def _run(self, *statements: str) -> None:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='vestibule'"
        url = self.postgres.url.removesuffix("vestibule") + "postgres"
        with psycopg.connect(url, autocommit=True) as own:
            own.execute("ALTER DATABASE vestibule ALLOW_CONNECTIONS false")
            own.execute(ending)
            for each in statements:
                own.execute(each)
            own.execute("ALTER DATABASE vestibule ALLOW_CONNECTIONS true")


@pytest.fixture
def older(request: pytest.FixtureRequest) -> Iterator[Older]:
    with Postgres(fsync="on").running() as own:
        yield request.param(own)


def person(site: Site, name: str) -> list[str]:
    """Make somebody, and return their primary key and their stable id."""
    return site.manage("shell", "--verbosity=0", "--command", f"""
from accounts.models import User
person = User.objects.create_user({name!r}, {PASSWORD!r})
person.give_local_identity()
print(person.pk, person.uid)
""").split()  # fmt: skip


def is_in(site: Site, browser: requests.Session) -> bool:
    answer = browser.get(f"{site.url}/auth/session", timeout=60)
    return answer.status_code == 200 and answer.json()["isLoggedIn"]


def named(site: Site, browser: requests.Session) -> str | None:
    """Return the stable id that the gateway tells an application, None for nobody."""
    url = f"{site.url}/gateway/check"
    answer = browser.get(url, headers=ASKED, allow_redirects=False, timeout=60)
    assert answer.status_code in {200, 401}, answer.text
    return answer.headers.get("Remote-User")


def enters(site: Site, name: str) -> requests.Session:
    browser = requests.Session()
    browser.get(f"{site.url}/auth/login/local", timeout=60)
    form = {"username": name, "password": PASSWORD, **csrf(browser)}
    url = f"{site.url}/auth/login/local"
    assert browser.post(url, form, allow_redirects=False, timeout=60).status_code == 303
    return browser


def is_ready(site: Site) -> Callable[[], bool]:
    return lambda: requests.get(f"{site.url}/readyz", timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("older", "something_ended"),
    [
        (Restored, False),
        pytest.param(Restored, True, marks=pytest.mark.soak),
        pytest.param(Files, False, marks=pytest.mark.soak),
    ],
    indirect=["older"],
)
def test_nobody_is_in_whom_it_does_not_know_and_nobody_is_somebody_else(
    older: Older, something_ended: bool, tmp_path: Any
) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(Redis().running())
        site = open_site(
            stack,
            tmp_path,
            "",
            DATABASE_URL=older.postgres.url,
            REDIS_URL=redis.url,
            VESTIBULE_TRUSTED_PROXIES="127.0.0.1",
        )
        site.manage("shell", "--verbosity=0", "--command", f"""
from portal.gateway.models import AccessRule
AccessRule.objects.create(slug="files", host={APPLICATION!r})
""")  # fmt: skip
        alice, leaving = enter(site), enter(site)
        leaving.post(f"{site.url}/auth/logout", csrf(leaving), timeout=60)
        older.keep()
        until(is_ready(site))

        number, later = person(site, "later")
        lost = enters(site, "later")
        assert (is_in(site, lost), named(site, lost)) == (True, later)
        if something_ended:
            leaving = enter(site)
            leaving.post(f"{site.url}/auth/logout", csrf(leaving), timeout=60)
        older.comes_back()

        until(is_ready(site))
        # Who comes next has the primary key of somebody who is gone.
        again, other = person(site, "other")
        assert (again, other == later) == (number, False)
        until(lambda: not is_in(site, lost))
        assert named(site, lost) is None
        own = enters(site, "other")
        assert named(site, own) == other
        assert not is_in(site, lost)
        assert is_in(site, alice)

"""Which tests run once, and not a second time on PostgreSQL with Redis: those that use neither.

A test is one of them when it uses no fixture that leads to a database or a cache. It is held to it:
for such a test there is no database, no cache, and no setting that names one. Who reaches a cache
without such a fixture says so by the marker `services`, and runs twice.

So is a test that opens pages in Chromium and is marked `pages`: its subject is what a browser makes
of them, which no database changes. What the site stores meanwhile has tests of its own, which run
twice. A test in Chromium whose subject is a race, a lock or a row stays unmarked.

So is what web servers and the front make of a request, who waits in a flood of them, what an
upstream's answer means, what the contract asks of a provider, and how one request of a client or an
application is judged, which is marked `wire`. What the site stores after it has tests of its own,
which run twice. `make soak` runs all of these on PostgreSQL.

So are the table of what each right of staff makes of itself, which is marked `rights`, and what the
pages of the administration show and take, which is marked `desk`: they are many, and the judgement
is the administration's alone. Its lists and searches, whose queries differ, run twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from django.core.cache import caches
from django.test import override_settings

# The site's database and cache; the documents that a provider keeps in the cache.
SERVED = {"db", "transactional_db", "live_server", "site", "client", "op", "provide"}
NAMED = ("DATABASE_URL", "REDIS_URL")


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark by `once` each test that uses nothing that differs, or is about pages, the wire, rights
    or the desk.
    """
    for item in items:
        said = {each.name for each in item.iter_markers()}
        used = SERVED.intersection(getattr(item, "fixturenames", ()))
        if said & {"desk", "pages", "rights", "wire"} or not (
            used or said & {"django_db", "services"}
        ):
            item.add_marker("once")


@contextmanager
def held_to_it() -> Iterator[None]:
    """Refuse the caches, and settings that name a service, until the end of the block.

    pytest-django refuses the database to every test that did not ask for it.
    """

    def refuse(*_: Any) -> NoReturn:
        pytest.fail("a cache is used: mark the test by `services`", pytrace=False)

    with pytest.MonkeyPatch.context() as patch, override_settings():
        from django.conf import settings

        for name in NAMED:
            delattr(settings, name)
        patch.setattr(type(caches), "__getitem__", refuse)
        yield

"""A real directory, and the source of the site that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Source
from accounts.source import catalogue
from tests.peers import fresh
from tests.peers.slapd import Directory, slapd

Work = Callable[..., Source]


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with slapd() as running:
        yield running


@pytest.fixture
def work(house: None, directory: Directory) -> Work:
    """Make (or change) a source of the directory: `work(slug, columns, **settings)`."""
    directory.operations()

    def make(slug: str = "work", columns: dict[str, Any] | None = None, **settings: Any) -> Source:
        row = Source.objects.filter(slug=slug).first() or Source(slug=slug, provider="ldap")
        row.label, row.settings = f"The {slug} account", directory.settings(**settings)
        for name, value in (columns or {}).items():
            setattr(row, name, value)
        catalogue.save(row)
        fresh.sources()
        return row

    return make


def enter(
    client: Client, username: str, password: str = "", slug: str = "work", **headers: str
) -> Any:
    """Sign in by the form of a source; alice's password is `ldap-alice`. Returns the response."""
    form = {"username": username, "password": password or f"ldap-{username}"}
    return client.post(f"/auth/login/{slug}", form, headers=headers)

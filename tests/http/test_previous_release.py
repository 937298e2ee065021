"""docs/moving.md 4: the release before this one runs on this one's tables, and beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.db import connection

from tests.peers import previous
from tests.peers.household import Household, form_of, sign_in
from tests.peers.second_provider import second_provider
from tests.peers.site import ROOT, Site


@pytest.mark.django_db
def test_no_column_stands_in_its_way() -> None:
    """It writes the columns that it knows, and reads each of them by its name."""
    wrong = []
    with connection.cursor() as cursor:
        for table, known in previous.kept()["tables"].items():
            described = connection.introspection.get_table_description(cursor, table)
            columns = {each.name: each for each in described}
            wrong += [f"{table}.{name} is gone" for name in known if name not in columns]
            wrong += [
                f"{table}.{name} needs a db_default, or null=True"
                for name, column in columns.items()
                if name not in known and not column.null_ok and column.default is None
            ]
    assert not wrong


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not previous.is_here():
        pytest.skip(f"this clone's history does not reach back to {previous.VERSION}")
    return previous.unpacked(tmp_path_factory.mktemp("previous"))


@pytest.fixture(scope="module")
def house(code: Path, site: Callable[..., Site]) -> Iterator[Household]:
    served = site({"VESTIBULE_HTTP_PLAIN": "1"})
    with second_provider() as upstream:
        own = Household(served)
        own.moves_in(upstream.issuer)
        yield own


def served_by(house: Household, folder: Path) -> None:
    """Serve the same site by the code in `folder`."""
    house.site.stop()
    house.site.folder, house.site.python = folder, sys.executable
    house.site.start()


@pytest.mark.soak
def test_it_goes_on_where_this_one_was(house: Household, code: Path) -> None:
    assert house.lost() == []
    house.begins_again()
    served_by(house, code)
    assert house.lost() == []
    came = requests.Session()
    assert sign_in(came, house.site.url)
    leave = form_of(came.get(f"{house.site.url}/auth/logout").text)
    left = came.post(f"{house.site.url}/auth/logout", leave, allow_redirects=False)
    assert left.status_code == 303
    assert not came.get(f"{house.site.url}/auth/session").json()["isLoggedIn"]
    house.begins_again()
    served_by(house, ROOT)
    assert house.lost() == []
    assert "Traceback" not in house.site.output()

"""Somebody of more groups than a server gives in one answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.http.upstreams import FAILURES
from accounts.models import Event, User
from tests.http.ldap.conftest import Work, enter
from tests.http.ldap.test_sign_in import SEARCHED
from tests.peers.slapd import NAMES_OF_GROUPS, Directory, slapd

pytestmark = pytest.mark.django_db(transaction=True)

IN_PAGES = "size.soft=200 size.hard=200 size.prtotal=unlimited"  # as Active Directory has it
AT_MOST = "size.soft=200 size.hard=200"


@pytest.fixture(scope="module")
def small() -> Iterator[Directory]:
    with slapd() as running:
        yield running


def test_groups_come_in_pages_where_one_answer_is_too_small(
    client: Client, work: Work, small: Directory
) -> None:
    """RFC 2696. Nobody pays for it who is in few groups."""
    small.limit(IN_PAGES)
    ours = {NAMES_OF_GROUPS[0]: "First", NAMES_OF_GROUPS[-1]: "Last"}
    work(columns={"groups": ours}, **small.settings(**SEARCHED))
    assert enter(client, "many").status_code == 303
    (many,) = User.objects.filter(identities__source__slug="work")
    assert set(many.groups.values_list("name", flat=True)) == {"First", "Last"}
    small.operations()
    enter(Client(), "alice")
    assert len([kind for kind, *_ in small.operations() if kind == "SRCH"]) == 2


def test_who_has_more_than_a_server_gives_does_not_close_it_for_all(
    client: Client, work: Work, small: Directory
) -> None:
    small.limit(AT_MOST)
    work(**small.settings(**SEARCHED))
    for _ in range(FAILURES + 1):
        response = enter(client, "many")
        assert response.status_code == 503
        assert b"That is our fault, not yours" in response.content
    failed = Event.objects.filter(name="login.failed").order_by("-id")[0]
    assert failed.reason == "misconfigured"
    assert "size limit" in failed.detail
    assert enter(Client(), "alice").status_code == 303

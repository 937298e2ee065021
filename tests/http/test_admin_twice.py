"""A button of the administration that is pressed twice, by one hand or by two: what happens once is
told once.
"""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.keyring import digest
from accounts.models import Event, User
from portal.authorization_server.models import Client as Registered
from portal.gateway.models import AccessRule
from tests.http.conftest import PASSWORD, sign_in
from tests.http.gateway.asking import rule
from tests.http.oauth.application import register

pytestmark = pytest.mark.desk


@pytest.fixture
def admins(house: None) -> list[Client]:
    found = []
    for name in ("ada", "bea"):
        User.objects.create_superuser(name, PASSWORD).give_local_identity()
        client = Client()
        sign_in(client, name)
        found.append(client)
    return found


def told(name: str) -> list[str]:
    """Return who did it, for each event of this name."""
    return list(Event.objects.filter(name=name).values_list("by__username", flat=True))


def test_who_is_disabled_is_so_by_the_first(admins: list[Client], person: User) -> None:
    page = f"/admin/accounts/user/{person.pk}/person/"
    first, second = (each.post(page, {"act": "disable"}, follow=True) for each in admins)
    assert "is disabled, and signed out everywhere" in first.content.decode()
    assert "That was over already." in second.content.decode()
    assert told("person.disabled") == ["ada"]
    assert User.objects.get(pk=person.pk).status == "disabled"


def test_a_rule_is_disabled_by_the_first(admins: list[Client]) -> None:
    row = rule("files")
    for each in admins:
        each.post("/admin/gateway/accessrule/", {"action": "disable", "_selected_action": [row.pk]})
    assert told("rule.disabled") == ["ada"]
    assert not AccessRule.objects.get().enabled


def test_of_two_secrets_that_nobody_has_read_the_one_that_counts_is_shown(
    admins: list[Client],
) -> None:
    """The answer to the first click has not arrived; so it is with another client's."""
    ada, rows = admins[0], [register(name, auth_method="client_secret_basic") for name in "ab"]
    for row in (rows[0], rows[1], rows[0]):
        chosen = {"action": "renew_secret", "_selected_action": [row.pk]}
        ada.post("/admin/authorization_server/client/", chosen)
    html = ada.get("/admin/authorization_server/client/").content.decode()
    shown = re.findall(r"The secret of (\w+), which is not shown again: ([\w-]+)", html)
    assert sorted(name for name, _secret in shown) == ["a", "b"]
    for name, secret in shown:
        assert Registered.objects.get(client_id=name).client_secret == digest(secret)

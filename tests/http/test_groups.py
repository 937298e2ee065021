"""Groups that follow a source, and people who wait for an administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Identity, Source, User
from accounts.session import people
from tests.http.conftest import at_most, enter
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
MAPPED = {"groups": {"town-staff": "Staff", "town-boss": "Managers"}}


@pytest.fixture(autouse=True)
def _groups() -> Iterator[None]:
    Group.objects.all().delete()
    yield
    Group.objects.all().delete()


def of(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


def test_only_mapped_groups_follow_the_source(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns=MAPPED)
    peer.extra = {"groups": ["town-staff", "administrators", "Managers"]}
    enter(client, "town")
    user = User.objects.get()
    assert of(user) == {"Staff"}
    user.groups.add(Group.objects.create(name="By hand"))
    peer.extra = {"groups": ["town-boss"]}
    enter(Client(), "town")
    assert of(user) == {"Managers", "By hand"}
    peer.extra = {"groups": []}
    enter(Client(), "town")
    assert of(user) == {"By hand"}


def test_a_missing_claim_changes_nothing(client: Client, tenant: Tenant, peer: Upstream) -> None:
    tenant(columns=MAPPED)
    peer.extra = {"groups": ["town-staff"]}
    enter(client, "town")
    peer.extra = {}
    enter(Client(), "town")
    assert of(User.objects.get()) == {"Staff"}


def test_what_another_way_in_claims_is_kept_and_goes_with_it(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns=MAPPED)
    peer.extra = {"groups": ["town-staff"]}
    enter(client, "town")
    user = User.objects.get()
    readers = {"groups": {"library": "Readers", "staff": "Staff"}}
    library = tenant("library", columns=readers)
    way = user.identities.create(source=library, issuer=user.identities.get().issuer, subject="bob")
    peer.extra = {"groups": ["library"]}
    enter(Client(), "library")
    assert of(user) == {"Staff", "Readers"}
    user.groups.add(Group.objects.create(name="By hand"))
    people.unlink(Identity.objects.get(pk=way.pk))
    assert of(user) == {"Staff", "By hand"}
    peer.extra = {"groups": []}
    enter(Client(), "town")
    assert of(user) == {"By hand"}


def test_what_a_source_claims_is_remembered_for_administrators(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant()
    peer.extra = {"groups": ["town-staff"]}
    enter(client, "town")
    assert Identity.objects.get().claimed_groups == ["town-staff"]
    assert of(User.objects.get()) == set()


def test_a_sign_in_with_groups_costs_few_statements(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    tenant(columns=MAPPED)
    peer.extra = {"groups": ["town-staff", "town-boss"]}
    with at_most(19):
        enter(client, "town")
    with at_most(12):
        enter(Client(), "town")


@pytest.mark.parametrize("groups", [[], {"a": 1}, {"": "b"}, {"a": ""}, {"a": "b" * 151}])
def test_a_mapping_must_be_of_texts(tenant: Tenant, groups: Any) -> None:
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError):
        tenant(columns={"groups": groups})


def test_a_person_who_waits_is_let_in_without_signing_in_again(
    client: Client, tenant: Tenant
) -> None:
    tenant(columns={"require_assignment": True})
    enter(client, "town")
    assert client.get("/account/")["Location"] == "/"
    assert b"administrator" in client.get("/").content
    people.admit(User.objects.get())
    assert client.get("/auth/session").json()["status"] == "active"
    assert client.get("/account/").status_code == 200


def test_a_person_who_waits_is_told_at_each_sign_in(client: Client, tenant: Tenant) -> None:
    tenant(columns={"require_assignment": True})
    enter(client, "town")
    again = Client()
    assert enter(again, "town")["Location"] == "/"
    assert User.objects.get().status == "awaiting_access"

"""One administrator with all rights stays, and can come in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts.models import Identity, Source, User
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.oidc.conftest import parallel
from tests.peers import fresh
from tests.peers.upstream import Upstream

Tenant = Callable[..., Source]


@pytest.fixture
def root(house: None) -> User:
    return User.objects.create_superuser("root", PASSWORD, email="root@example.org")


def form(user: User, **values: Any) -> dict[str, Any]:
    given = {"username": user.username, "name": "", "email": user.email, "status": user.status}
    return {**given, "is_staff": "on", "is_superuser": "on", **values}


def test_the_last_administrator_and_their_way_in_stay(root: User) -> None:
    client = Client()
    sign_in(client, "root")
    way, local = root.identities.get(), Source.objects.get(slug="local")
    person = f"/admin/accounts/user/{root.pk}/change/"
    for left_out in ("is_staff", "is_superuser"):
        sent = form(root)
        del sent[left_out]
        assert "Make another one first" in client.post(person, sent, follow=True).content.decode()
    client.post(f"/admin/accounts/identity/{way.pk}/delete/", {"post": "yes", "reason": "x"})
    chosen = {"action": "delete_selected", "_selected_action": [way.pk], "post": "yes"}
    chosen["reason"] = "x"
    client.post("/admin/accounts/identity/", chosen)
    shut = {
        "order": 1,
        "label": "",
        "note": "",
        "after_login": "",
        "settings": "{}",
        "groups": "{}",
    }
    client.post(f"/admin/accounts/source/{local.pk}/change/", shut)
    fresh.sources()
    assert client.get("/admin/").status_code == 200
    other = Client()
    assert sign_in(other, "root").status_code == 303
    assert other.get("/admin/").status_code == 200


def test_the_only_administrators_source_keeps_its_mark_and_its_issuer(
    house: None, tenant: Tenant, peer: Upstream
) -> None:
    row = tenant(columns={"staff": True})
    user = User.objects.create_user("root", is_staff=True, is_superuser=True)
    Identity.objects.create(source=row, issuer=peer.url, subject="root", user=user)
    client = Client()
    enter(client, "town", "root")
    given = {"order": 1, "label": "Town", "note": "", "after_login": "", "groups": "{}"}
    given |= {"enabled": "on", "staff": "on", "settings": json.dumps(row.settings)}
    path = f"/admin/accounts/source/{row.pk}/change/"
    moved = {"settings": json.dumps({"upstream": "https://other.example"})}
    for change in ({"staff": ""}, {"enabled": ""}, moved):
        said = client.post(path, {**given, **change}, follow=True).content.decode()
        assert "Make another one first" in said, change
    assert client.post(path, {**given, "label": "City"}).status_code == 302


def test_with_another_administrator_one_may_go(root: User) -> None:
    other = User.objects.create_superuser("ruth", PASSWORD)
    client = Client()
    sign_in(client, "ruth")
    assert (
        client.post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}).status_code == 302
    )
    assert list(User.objects.filter(is_superuser=True)) == [other]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_each_others_rights_one_stays(root: User) -> None:
    other = User.objects.create_superuser("ruth", PASSWORD)
    pairs = iter([(root, other), (other, root)])

    def demote() -> None:
        actor, victim = next(pairs)
        client = Client(raise_request_exception=False)
        sign_in(client, actor.username)
        sent = form(victim)
        del sent["is_superuser"]
        client.post(f"/admin/accounts/user/{victim.pk}/change/", sent)
        connections.close_all()

    parallel(2, demote)
    assert User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize(
    ("came_by", "since", "status"),
    [
        pytest.param({"staff": True}, {"enabled": False}, 404, id="nobody comes back by it"),
        pytest.param({}, {}, 303, id="back to the page, which says how to sign in first"),
    ],
)
def test_nobody_unlinks_the_last_administrators_way_in(
    root: User, tenant: Tenant, peer: Upstream, came_by: Any, since: Any, status: int
) -> None:
    row = tenant(columns=came_by)
    Identity.objects.create(source=row, issuer=peer.url, subject="root", user=root)
    client = Client()
    asked = client.get("/auth/login/town")["Location"]
    state = asked.split("state=")[1].split("&")[0]
    client.get("/auth/callback/town", {"code": "root", "state": state})
    tenant(columns=since)
    way = root.identities.get(source__slug="local")
    page = client.get("/account/sign-ins").content.decode()
    assert f'value="{way.pk}"' not in page
    assert page.count("You are signed in with this one now.") == 1
    assert page.count("Without it no administrator could come in, so it stays.") == 1
    assert client.post("/account/sign-ins", {"unlink": way.pk}).status_code == status
    assert root.identities.count() == 2

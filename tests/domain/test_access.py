"""docs/contract.md 1, access by type: one decision, in the same words for pages, API and
gateway.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from django.contrib.auth.models import Group

from accounts.errors import AccessDenied, LoginRequired
from accounts.models import User
from accounts.provider import UNKNOWN
from accounts.session import access
from accounts.session.store import SessionStore
from accounts.session.typed import Session

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> Session:
    """The session of a librarian who is in two groups."""
    user = User.objects.create_user("anna", None)
    user.groups.set([Group.objects.create(name=name) for name in ("library", "staff")])
    typed = Session(uid="a" * 32, type="oidc", source="city", subject="s", status="active")
    SessionStore().begin(typed, {}, user=user, type="oidc", source="city").save(force_insert=True)
    User.objects.create_user("berta", None).groups.add(Group.objects.create(name="school"))
    return typed


@pytest.mark.parametrize("types", [(), ["oidc"], {"local", "oidc"}])
@pytest.mark.parametrize("groups", [(), ["staff"], {"library", "nobody"}])
def test_whoever_fits_comes_in(
    session: Session, types: Collection[str], groups: Collection[str]
) -> None:
    assert access.require(session, types=types, groups=groups) is session


@pytest.mark.parametrize(
    ("types", "groups"), [(["local"], ()), ((), ["school"]), (["oidc"], ["Staff"]), ((), [""])]
)
def test_another_type_and_another_group_are_refused(
    session: Session, types: Collection[str], groups: Collection[str]
) -> None:
    with pytest.raises(AccessDenied):
        access.require(session, types=types, groups=groups)


def test_nobody_is_asked_to_sign_in(session: Session) -> None:
    for nobody in (Session(), Session.unknown(session.uid)):
        with pytest.raises(LoginRequired):
            access.require(nobody, types=["anonymous", UNKNOWN])


def test_whoever_awaits_access_is_refused(session: Session) -> None:
    with pytest.raises(AccessDenied):
        access.require(replace(session, status=User.Status.AWAITING_ACCESS))


def test_only_groups_cost_a_query(session: Session, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        access.require(session, types=["oidc"])
    with django_assert_num_queries(1):  # type: ignore[operator]
        access.require(session, groups=["staff"])

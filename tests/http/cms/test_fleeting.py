"""A patron who is known by a token alone comes once, and leaves nothing behind for good."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Event, Identity, User
from accounts.session import people
from tests.http.cms.conftest import Make, Visitor
from tests.http.oauth.test_meanwhile import meanwhile
from tests.peers.cms import Cms

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = {"userinfo_url": None, "subject_key": None, "patron_url": None}


@pytest.fixture
def stranger(library: Cms, source: Make) -> Visitor:
    source(**NOTHING)
    own = Visitor(library)
    own.enter()
    return own


def test_the_person_is_deleted_with_the_last_identity_and_the_trail_stays(
    stranger: Visitor,
) -> None:
    stranger.leave()
    assert people.forget_fleeting() == 0, "somebody may be on the way with it"
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        call_command("clear_expired")
    assert not Identity.objects.exists()
    assert not User.objects.exists()
    assert Event.objects.filter(name="login.succeeded", user=None).count() == 1


def test_whoever_is_still_in_stays(stranger: Visitor) -> None:
    Identity.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert people.forget_fleeting() == 0
    assert stranger.type == "adgangsplatformen"


def test_a_person_with_another_way_in_loses_the_fleeting_one_only(stranger: Visitor) -> None:
    stranger.leave()
    person = User.objects.get()
    person.set_password("correct horse battery staple")
    person.save()
    person.give_local_identity()
    Identity.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert people.forget_fleeting() == 1
    assert [str(each.source) for each in person.identities.all()] == ["local"]


def test_a_patron_who_is_known_for_good_stays(visitor: Visitor) -> None:
    visitor.enter()
    visitor.leave()
    Identity.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert people.forget_fleeting() == 0
    assert Identity.objects.count() == 1


def test_of_two_who_clean_up_at_once_one_forgets(stranger: Visitor) -> None:
    stranger.leave()
    Identity.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert meanwhile(User.objects.get().delete, people.forget_fleeting) == [0]

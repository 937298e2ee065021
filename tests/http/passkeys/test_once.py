"""What counts once: many answers at the same moment."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Event, Passkey, StoredSession, User
from tests.http.conftest import sign_in
from tests.http.oauth.at_once import at_once, window
from tests.http.passkeys.authenticator import Authenticator
from tests.http.passkeys.steps import PAGE, add, asked, new, send, send_new

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


@pytest.fixture
def alice(person: User) -> Client:
    browser = Client()
    assert sign_in(browser).status_code == 303
    return browser


@pytest.mark.parametrize("synced", [False, True])
def test_x08_one_answer_sent_many_times_signs_in_once(alice: Client, synced: bool) -> None:
    own, browser = add(alice, Authenticator(synced=synced)), Client()
    answer = own.use(asked(browser))
    windows = [window(browser) for _ in range(MANY)]
    said = at_once([lambda each=each: send(each, answer)["Location"] for each in windows])
    assert said.count("/account/") == 1
    assert StoredSession.objects.count() == 2
    assert Passkey.objects.get().suspended_at is None


def test_x08_copies_of_a_passkey_with_one_count(alice: Client) -> None:
    own, browsers = add(alice), [Client() for _ in range(MANY)]
    answers = [own.use(asked(each), count=5) for each in browsers]
    pairs = zip(browsers, answers, strict=True)
    said = at_once([lambda b=b, a=a: send(b, a)["Location"] for b, a in pairs])
    assert said.count("/account/") == 1
    assert Passkey.objects.get().suspended_at is not None
    assert Event.objects.filter(name="passkey.cloned").count() == 1


def test_x08_one_new_passkey_sent_many_times_is_added_once(alice: Client) -> None:
    options, challenge = new(alice)
    answer = Authenticator().make(options)
    windows = [window(alice) for _ in range(MANY)]
    said = at_once([lambda w=w: send_new(w, answer, challenge).get("Location") for w in windows])
    assert said.count(PAGE) == 1
    assert Event.objects.filter(name="passkey.added").count() == Passkey.objects.count() == 1


def test_x08_many_new_ones_for_one_challenge_add_one(alice: Client) -> None:
    options, challenge = new(alice)
    answers = [Authenticator().make(options) for _ in range(MANY)]
    pairs = [(window(alice), answer) for answer in answers]
    said = at_once([lambda w=w, a=a: send_new(w, a, challenge).get("Location") for w, a in pairs])
    assert said.count(PAGE) == 1
    assert Passkey.objects.count() == 1

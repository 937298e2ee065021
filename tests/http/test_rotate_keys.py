"""`manage.py rotate_keys`: the first key seals all that rests, and the former ones can go."""

from __future__ import annotations

from base64 import b64encode
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from accounts import outbox
from accounts.keyring import Sealed, unseal
from accounts.models import OutboxItem, Source, StoredSession, StoredTokens, User
from accounts.provider import TokenSet
from accounts.session import vault
from accounts.source import catalogue
from portal.authorization_server import keys
from portal.operations import rotation
from portal.operations.progress import Progress
from tests.http.oidc.conftest import parallel

pytestmark = pytest.mark.django_db(transaction=True)
# Minutes old at most, so that they are over before a former key is taken out.
FLEETING = {"PushedRequest", "PendingSignIn"}
OLD, NEW = (b64encode(bytes([n, *range(31)])).decode() for n in (200, 201))


def rotate() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


@pytest.fixture
def client() -> Client:
    """Somebody who is signed in, with everything sealed by the former key."""
    User.objects.create_superuser("ada", "correct horse battery staple")
    client = Client()
    with override_settings(VESTIBULE_VAULT_KEYS=[OLD]):
        form = {"username": "ada", "password": "correct horse battery staple"}
        client.post("/auth/login/local", form)
        uid = StoredSession.objects.get().uid
        vault.new_row(uid, TokenSet(access_token="upstream")).save()
        outbox.post_logout("town", TokenSet(id_token="a hint"), "BCDF-2345")
        settings = {"upstream": "http://127.0.0.1:1", "secret": "kept"}
        catalogue.save(Source(slug="town", provider="tenant", settings=settings))
        keys.rotate()
    return client


def test_after_it_the_former_key_can_go(client: Client) -> None:
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        said = rotate()
        assert "take the other keys out" in said
        assert not any(rotation.waiting(place) for place in rotation.places())
        assert rotation.turn_sources().turned == 0
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW]):
        assert client.get("/auth/session").json()["isLoggedIn"]
        assert client.get("/account/").status_code == 200
        assert vault.tokens_of(StoredTokens.objects.get().session_id)
        assert unseal(OutboxItem.objects.get().sealed, outbox.PURPOSE)
        town = catalogue.instance(Source.objects.get(slug="town"))
        assert town.settings.secret == "kept"
        assert keys.published()
        assert "There is one key." in rotate()


def test_what_no_key_opens_is_named_and_left(client: Client) -> None:
    before = StoredSession.objects.get().session_data
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW]), pytest.raises(CommandError) as refused:
        rotate()
    assert "sessions 1" in str(refused.value)
    assert "secrets of sources 1" in str(refused.value)
    assert StoredSession.objects.get().session_data == before


def test_of_many_at_once_each_text_is_turned_once(client: Client) -> None:
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW, OLD]):
        waiting = {place.label: rotation.waiting(place) for place in rotation.places()}
        assert sum(waiting.values()) >= 4
        for place in rotation.places():
            turned = parallel(6, lambda place=place: rotation.turn(place, int).turned)
            assert sum(turned) == waiting[place.label], place.label
        assert client.get("/auth/session").json()["isLoggedIn"]


def test_whatever_rests_sealed_is_turned() -> None:
    known = {(place.rows.model.__name__, place.column) for place in rotation.places()}
    resting = {
        (model.__name__, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name in {"sealed", "session_data"} and model.__name__ not in FLEETING
    }
    assert resting == known


def test_what_nobody_said_may_go_stays_when_its_key_is_lost(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a second factor one comes in by less than with one that is unreadable."""
    kept = Sealed("factors", StoredTokens.objects.all(), "sealed", vault.PURPOSE, "session_id")
    monkeypatch.setattr(rotation, "places", lambda: [kept])
    with override_settings(VESTIBULE_VAULT_KEYS=[NEW]):
        assert rotation.forget_lost() == []
    assert StoredTokens.objects.exists()


class Terminal(StringIO):
    """What looks like a terminal, as Django's wrapper of it has it."""

    def __init__(self, *, seen: bool) -> None:
        super().__init__()
        self.seen = seen

    def isatty(self) -> bool:
        return self.seen

    def write(self, text: str, *, ending: str = "") -> int:
        return super().write(text + ending)


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else() -> None:
    for seen in (True, False):
        terminal = Terminal(seen=seen)
        with Progress(terminal, "sessions", 4) as bar:
            for _ in range(4):
                bar.step()
        said = terminal.getvalue()
        assert ("100 %" in said, said.endswith("\n")) == (seen, seen)
        assert bool(said) is seen

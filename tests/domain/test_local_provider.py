"""The local source: one answer and one price for everybody who may not come in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import override_settings
from django.utils import timezone

from accounts.errors import AccessDenied, InvalidGrant, InvalidRequest, ProtocolError
from accounts.models import User
from accounts.provider import LogoutPlan, Prompts, SessionRef, SourceRef
from providers.local import hashers, passwords
from providers.local.provider import LocalProvider, LocalSettings

WORD = "correct horse battery"


@pytest.fixture
def provider() -> LocalProvider:
    return LocalProvider(SourceRef("local", ""), LocalSettings(), None, timezone.now)


@pytest.fixture
def anna(db: None) -> User:
    user: User = User.objects.create_user("Anna", WORD, name="Anna Ø", email="anna@example.org")
    user.give_local_identity()
    return user


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of hashes that were really computed, by the price of each."""
    computed: list[str] = []
    make, verify = hashers.Argon2PasswordHasher.encode, hashers.Argon2PasswordHasher.verify

    def encode(self: hashers.Argon2id, password: str, salt: str) -> str:
        made = make(self, password, salt)
        computed.append(made.split("$")[3])
        return made

    def compare(self: hashers.Argon2id, password: str, encoded: str) -> bool:
        computed.append(encoded.split("$")[3])
        return verify(self, password, encoded)

    monkeypatch.setattr(hashers.Argon2PasswordHasher, "encode", encode)
    monkeypatch.setattr(hashers.Argon2PasswordHasher, "verify", compare)
    return computed


def login(provider: LocalProvider, **form: str) -> Any:
    return provider.verify(form)


def test_the_right_password_is_an_identity_by_the_persons_uid(
    provider: LocalProvider, anna: User
) -> None:
    outcome = login(provider, username="anna", password=WORD)
    assert (outcome.subject, outcome.name, outcome.username, outcome.email) == (
        anna.uid,
        "Anna Ø",
        "Anna",
        "anna@example.org",
    )


@pytest.mark.parametrize("typed", ["ANNA", " anna ", "an\u200bna", "\uff41nna"])
def test_the_username_is_found_however_it_is_typed(
    provider: LocalProvider, anna: User, typed: str
) -> None:
    assert login(provider, username=typed, password=WORD).subject == anna.uid


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("typed", ["\u0430nna", "anna\u0301", "ann\u0430"])
def test_a_name_that_only_looks_alike_is_nobody(provider: LocalProvider, typed: str) -> None:
    with pytest.raises(InvalidGrant):
        login(provider, username=typed, password=WORD)


def test_unknown_unusable_and_wrong_are_one_answer_for_one_hash_at_one_price(
    provider: LocalProvider, anna: User, hashes: list[str]
) -> None:
    User.objects.create_user("berta", None)
    answers = []
    for name in ("nobody", "berta", "anna"):
        hashes.clear()
        with pytest.raises(InvalidGrant) as refused:
            login(provider, username=name, password="wrong horse battery")
        error = refused.value
        answers.append((list(hashes), type(error), error.reason, error.description, error.status))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == ["m=1024,t=1,p=1"]
    assert answers[0][2] == "login-failed"


@pytest.mark.parametrize("stored", ["", "!", "argon2$broken", "md5$x$y", "nothing at all"])
def test_a_stored_hash_that_cannot_be_used_is_as_good_as_none(
    provider: LocalProvider, anna: User, hashes: list[str], stored: str
) -> None:
    User.objects.filter(pk=anna.pk).update(password=stored)
    with pytest.raises(InvalidGrant):
        login(provider, username="anna", password=WORD)
    assert hashes == ["m=1024,t=1,p=1"]


def test_disabled_is_told_only_to_who_knows_the_password(
    provider: LocalProvider, anna: User
) -> None:
    User.objects.filter(pk=anna.pk).update(status=User.Status.DISABLED)
    with pytest.raises(InvalidGrant):
        login(provider, username="anna", password="wrong horse battery")
    with pytest.raises(AccessDenied) as refused:
        login(provider, username="anna", password=WORD)
    assert refused.value.reason == "disabled"


def test_who_awaits_access_is_verified_all_the_same(provider: LocalProvider, anna: User) -> None:
    User.objects.filter(pk=anna.pk).update(status=User.Status.AWAITING_ACCESS)
    assert login(provider, username="anna", password=WORD).subject == anna.uid


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"username": "anna"},
        {"password": WORD},
        {"username": "anna", "password": ""},
        {"username": "", "password": WORD},
        {"username": "anna", "password": "x" * 4097},
        {"username": "anna", "password": "x" * 1_000_000},
        {"username": "a" * 151, "password": WORD},
        {"username": "anna\0", "password": WORD},
        {"username": "anna", "password": WORD + "\0"},
        {"username": "anna", "password": "\ud800"},
        {"username": "\udfff", "password": WORD},
    ],
)
def test_what_no_form_sends_is_refused_before_any_hash(
    provider: LocalProvider, hashes: list[str], form: dict[str, str]
) -> None:
    with pytest.raises((InvalidGrant, InvalidRequest)) as refused:
        login(provider, **form)
    assert refused.value.status == 400
    assert not hashes


def test_a_sign_in_renews_an_outdated_hash_and_leaves_the_sessions_alone(
    provider: LocalProvider, anna: User
) -> None:
    before = (anna.password, anna.get_session_auth_hash())
    dearer = {"memory_cost": 2048, "time_cost": 1, "parallelism": 1}
    with override_settings(VESTIBULE_ARGON2=dearer):
        login(provider, username="anna", password=WORD)
        anna.refresh_from_db()
        assert "m=2048" in anna.password
        renewed = anna.password
        login(provider, username="anna", password=WORD)
    anna.refresh_from_db()
    assert anna.password == renewed != before[0]
    assert anna.get_session_auth_hash() == before[1]


def test_a_hash_of_another_algorithm_is_taken_over(provider: LocalProvider, anna: User) -> None:
    imported = make_password(WORD, hasher="pbkdf2_sha256")
    User.objects.filter(pk=anna.pk).update(password=imported)
    login(provider, username="anna", password=WORD)
    anna.refresh_from_db()
    assert anna.password.startswith("argon2$")


def test_a_wrong_password_renews_nothing(provider: LocalProvider, anna: User) -> None:
    with (
        override_settings(VESTIBULE_ARGON2={"memory_cost": 2048, "time_cost": 1, "parallelism": 1}),
        pytest.raises(InvalidGrant),
    ):
        login(provider, username="anna", password="wrong horse battery")
    stored = User.objects.get(pk=anna.pk).password
    assert stored == anna.password


def test_renewing_never_undoes_a_change_made_meanwhile(anna: User) -> None:
    changed = make_password("another horse")
    User.objects.filter(pk=anna.pk).update(password=changed)
    with override_settings(
        VESTIBULE_ARGON2={"memory_cost": 2048, "time_cost": 1, "parallelism": 1}
    ):
        passwords.renew(anna, WORD)
    assert User.objects.get(pk=anna.pk).password == changed


def test_a_busy_moment_is_not_a_wrong_password(provider: LocalProvider, anna: User) -> None:
    with (
        override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0),
        pytest.raises(ProtocolError) as refused,
    ):
        login(provider, username="anna", password=WORD)
    assert refused.value.status == 503


def test_the_form_asks_for_a_username_and_a_password(provider: LocalProvider) -> None:
    prompt = provider.prompt()
    assert [(f.name, f.type, f.autocomplete, f.max_length) for f in prompt.fields] == [
        ("username", "text", "username webauthn", 150),
        ("password", "password", "current-password", 4096),
    ]
    assert (prompt.identifier, prompt.recovery) == ("username", True)
    assert isinstance(provider, Prompts)


def test_recovery_can_be_switched_off() -> None:
    closed = LocalProvider(
        SourceRef("local", ""), LocalSettings(recovery=False), None, timezone.now
    )
    assert not closed.prompt().recovery


def test_there_is_nothing_to_leave_upstream(provider: LocalProvider) -> None:
    held = SessionRef(uid="u", type="local", source="local", subject="s")
    assert provider.plan_logout(held, None, {}, "/") == LogoutPlan()


@pytest.mark.django_db
def test_the_self_test_asks_for_an_administrator_who_can_enter(provider: LocalProvider) -> None:
    works, missing = provider.check()
    assert works.ok
    assert not missing.ok
    assert "createsuperuser" in missing.fix
    User.objects.create_superuser("locked", None)
    assert not provider.check()[1].ok
    User.objects.create_superuser("root", WORD)
    assert all(finding.ok for finding in provider.check())


def test_the_self_test_says_how_to_mend_hashing(provider: LocalProvider, db: None) -> None:
    with override_settings(VESTIBULE_HASHES_AT_ONCE=0, VESTIBULE_THREADS=0):
        broken = provider.check()[0]
    assert not broken.ok
    assert "VESTIBULE_HASHES_AT_ONCE" in broken.fix

"""docs/architecture.md 9: what is missing or insecure is an error at start; each check is tripped
once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management.base import ALL_CHECKS
from django.test import override_settings

from accounts.source import registry
from portal.configuration import mail
from portal.operations import checks
from portal.operations.doctor import start
from portal.operations.management.commands import clear_expired
from tests.tenant.provider import TenantProvider

PRODUCTION = {
    "VESTIBULE_PRODUCTION": True,
    "VESTIBULE_SITE_URL": "https://login.example.org",
    "SECRET_KEY": "kA7-vQ2m_Zr9xLw4TbY8uHc3NsE6pJd1GfXoRi5yKzWqUeMnBt0VhSgDlCaPjI",
    "DATABASE_URL": "postgres://localhost/vestibule",
    "REDIS_URL": "redis://localhost/0",
    "EMAIL_BACKEND": "portal.configuration.smtp.EmailBackend",
    "VESTIBULE_VAULT_KEYS": [base64.urlsafe_b64encode(bytes(range(32))).decode()],
    "VESTIBULE_HTTP_PLAIN": False,
    "VESTIBULE_ARGON2": {"memory_cost": 46 * 1024, "time_cost": 1, "parallelism": 1},
    "ALLOWED_HOSTS": ["login.example.org"],
    "DEBUG": False,
}


def found(**changed: Any) -> dict[str, str]:
    """Return what the checks of the house say of a production site with something changed."""
    with override_settings(**{**PRODUCTION, **changed}):
        return {f"{each.id}": f"{each.msg} {each.hint}" for each in run_checks(tags=["vestibule"])}


def test_a_whole_installation_has_nothing_to_say() -> None:
    assert found() == {}


def test_nothing_set_has_nothing_to_say() -> None:
    assert run_checks(tags=["vestibule"]) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "short", "VESTIBULE_SECRET_KEY"),
        ("SECRET_KEY", "a" * 60, "VESTIBULE_SECRET_KEY"),
        ("SECRET_KEY", "changeme-" * 8, "VESTIBULE_SECRET_KEY"),
        (
            "SECRET_KEY",
            "django-insecure-" + "kA7-vQ2m_Zr9xLw4TbY8uHc3NsE6pJd1GfXoRi5yKzWqUeMnBt0VhSgDlCaPjI",
            "VESTIBULE_SECRET_KEY",
        ),
        ("DATABASE_URL", "", "DATABASE_URL"),
        ("REDIS_URL", "", "REDIS_URL"),
        ("VESTIBULE_SITE_URL", "http://login.example.org", "VESTIBULE_SITE_URL"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "VESTIBULE_MAIL_URL"),
    ],
)
def test_production_needs_each_of_these(name: str, value: Any, said: str) -> None:
    assert said in found(**{name: value})["vestibule.E010"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DEBUG", True, "DEBUG"),
        ("ALLOWED_HOSTS", ["login.example.org", "*"], "VESTIBULE_ALLOWED_HOSTS"),
        ("VESTIBULE_FRONTEND_ORIGINS", ["http://maps.example.org"], "VESTIBULE_FRONTEND_ORIGINS"),
        ("VESTIBULE_TRUSTED_PROXIES", ["0.0.0.0/0"], "VESTIBULE_TRUSTED_PROXIES"),
        ("VESTIBULE_TRUSTED_PROXIES", ["::/0"], "VESTIBULE_TRUSTED_PROXIES"),
        ("VESTIBULE_TRUSTED_PROXIES", ["0.0.0.0/1", "128.0.0.0/1"], "VESTIBULE_TRUSTED_PROXIES"),
        ("VESTIBULE_TRUSTED_PROXIES", ["2000::/3"], "VESTIBULE_TRUSTED_PROXIES"),
        ("VESTIBULE_METRICS_TOKEN", "a-short-one", "VESTIBULE_METRICS_TOKEN"),
        ("VESTIBULE_ALARM_WEBHOOK", "http://chat.example.org/x", "VESTIBULE_ALARM_WEBHOOK"),
        ("EMAIL_HOST", "mail.example.org", "VESTIBULE_MAIL_URL"),
        ("DATABASE_URL", "sqlite:////srv/vestibule.sqlite3", "VESTIBULE_SQLITE"),
        ("VESTIBULE_VAULT_KEYS", [base64.b64encode(bytes(32)).decode()], "VESTIBULE_VAULT_KEYS"),
        (
            "VESTIBULE_ARGON2",
            {"memory_cost": 1024, "time_cost": 40, "parallelism": 1},
            "VESTIBULE_ARGON2_MEMORY_KIB",
        ),
        (
            "VESTIBULE_ARGON2",
            {"memory_cost": 19 * 1024, "time_cost": 1, "parallelism": 1},
            "VESTIBULE_ARGON2_MEMORY_KIB",
        ),
    ],
)
def test_production_leaves_no_door_open(name: str, value: Any, said: str) -> None:
    assert said in found(**{name: value})["vestibule.E014"]
    with override_settings(**{name: value}):
        assert checks.production_leaves_no_door_open() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"EMAIL_HOST": "mail.example.org", "EMAIL_USE_TLS": True},
        {"EMAIL_HOST": "mail.example.org", "EMAIL_USE_SSL": True},
        {"DATABASE_URL": "sqlite:////srv/vestibule.sqlite3", "VESTIBULE_SQLITE": True},
        {"VESTIBULE_TRUSTED_PROXIES": ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::/32"]},
    ],
)
def test_what_is_meant_is_let_pass(changed: dict[str, Any]) -> None:
    assert found(**changed) == {}


@pytest.mark.parametrize(("memory", "passes"), [(46, 1), (19, 2), (12, 3), (9, 4), (7, 5)])
def test_each_choice_of_owasp_for_argon2_will_do(memory: int, passes: int) -> None:
    chosen = {"memory_cost": memory * 1024, "time_cost": passes, "parallelism": 1}
    assert found(VESTIBULE_ARGON2=chosen) == {}


def test_upstreams_are_called_by_https() -> None:
    assert "VESTIBULE_HTTP_PLAIN" in found(VESTIBULE_HTTP_PLAIN=True)["vestibule.E011"]


@override_settings(VESTIBULE_WORKERS=2, REDIS_URL="")
def test_workers_need_redis() -> None:
    assert [each.id for each in checks.settings_fit_together()] == ["vestibule.E012"]


@override_settings(VESTIBULE_HTTP_PER_UPSTREAM=8, VESTIBULE_THREADS=8)
def test_hung_upstreams_leave_threads_free() -> None:
    assert [each.id for each in checks.settings_fit_together()] == ["vestibule.E013"]


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        (["ops@example.org; it@example.org"], True),
        (["ops@example.org", "it@"], True),
        (["Ops <ops@example.org>", "root"], False),
    ],
)
def test_an_alarm_is_mailed_to_addresses(named: list[str], wrong: bool) -> None:
    with override_settings(VESTIBULE_ALARM_MAIL=named):
        said = [f"{each.id}: {each.msg}" for each in run_checks(tags=["vestibule"])]
    assert said == [f"vestibule.E016: VESTIBULE_ALARM_MAIL: {named[-1]!r} is no address."] * wrong


@pytest.mark.parametrize(
    ("sender", "wrong"),
    [
        ("Library, Town <login@example.org>", True),
        ("login@example.org, it@example.org", True),
        ("login", True),
        ("login@example.org\nBcc: it@example.org", True),
        ("Library\n<login@example.org>", True),
        ('"Library, Town" <login@example.org>', False),
        ("Bücherei <login@example.org>", False),
        (mail.sender("", "::1"), False),
    ],
)
def test_mail_comes_from_one_address(sender: str, wrong: bool) -> None:
    with override_settings(DEFAULT_FROM_EMAIL=sender):
        said = [f"{each.id}: {each.msg}" for each in run_checks(tags=["vestibule"])]
    assert said == [f"vestibule.E018: VESTIBULE_MAIL_FROM: {sender!r} is no address."] * wrong


@pytest.mark.parametrize("seconds", [730, -1])
def test_nobody_is_erased_by_a_number_that_cannot_be_meant(seconds: int) -> None:
    assert "2592000" in found(VESTIBULE_DORMANT=timedelta(seconds=seconds))["vestibule.E017"]
    assert clear_expired.Command.requires_system_checks == ALL_CHECKS


@pytest.mark.parametrize("days", [0, 30, 730])
def test_people_who_stay_away_are_erased_after_a_month_or_never(days: int) -> None:
    assert found(VESTIBULE_DORMANT=timedelta(days=days)) == {}


def test_a_key_has_no_comma() -> None:
    said = found(SECRET_KEY=PRODUCTION["SECRET_KEY"].replace("_", ","))
    assert said.keys() == {"vestibule.W019"}, "who has one can start, and turn it"
    with override_settings(**PRODUCTION, VESTIBULE_HTTP_INSIDE=True):
        checks.refuse_unsound()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////srv/vestibule.sqlite3", False),
        ("postgres:///vestibule", False),
        ("postgres://%2Fvar%2Frun%2Fpostgresql.5/vestibule", False),
        ("postgres://localhost/vestibule", False),
        ("postgres://[::1]/vestibule", False),
        ("postgres://database/vestibule", False),
        ("postgres://10.0.0.5/vestibule", True),
        ("postgres://localhost,db.example.org/vestibule", True),
        ("postgres://db.example.org/vestibule?sslmode=require", True),
        ("postgres://localhost/vestibule?hostaddr=10.0.0.5", True),
        ("postgres://db.example.org/vestibule?sslmode=verify-full&sslrootcert=/ca.pem", False),
    ],
)
def test_a_database_elsewhere_proves_who_it_is(url: str, said: bool) -> None:
    assert ("vestibule.W021" in unproven(DATABASE_URL=url)) is said


SERVICES = """
[proven]
host=db.example.org
sslmode=verify-full
[open]
host=db.example.org
"""


@pytest.mark.parametrize(
    ("url", "sslmode", "said"),
    [
        ("postgres://db.example.org/vestibule", "verify-full", False),
        ("postgres://db.example.org/vestibule?sslmode=require", "verify-full", True),
        ("postgres:///vestibule?service=proven", "", False),
        ("postgres:///vestibule?service=open", "", True),
        ("postgres:///vestibule?service=open", "verify-ca", False),
        ("postgres://localhost/vestibule?service=open", "", False),
    ],
)
def test_what_libpq_reads_elsewhere_counts_as_well(
    url: str, sslmode: str, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service of `pg_service.conf`, and `PGSSLMODE`: the workers connect by them."""
    (tmp_path / "services").write_text(SERVICES)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSSLMODE", sslmode)
    assert ("vestibule.W021" in unproven(DATABASE_URL=url)) is said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix:///run/redis.sock", False),
        ("redis://127.0.0.1/0", False),
        ("redis+sentinel://one,two/vestibule", False),
        ("redis://[fd00::1]/0", True),
        ("redis+cluster://one.example.org,two.example.org", True),
        ("rediss+cluster://one.example.org,two.example.org", False),
        ("rediss://one.example.org/0?ssl_cert_reqs=none", True),
    ],
)
def test_a_redis_elsewhere_proves_who_it_is(url: str, said: bool) -> None:
    assert ("vestibule.W021" in unproven(REDIS_URL=url)) is said


def unproven(**changed: Any) -> set[str | None]:
    with override_settings(**{**PRODUCTION, **changed}):
        assert "vestibule.W021" not in found(**changed), "it keeps no worker from its start"
        return {each.id for each in checks.nobody_stands_between()}


def test_there_is_a_key() -> None:
    assert "VESTIBULE_VAULT_KEYS" in found(VESTIBULE_VAULT_KEYS=[])["vestibule.E002"]


def test_a_key_is_one() -> None:
    secret = "bm90IDMyIGJ5dGVz"
    said = found(VESTIBULE_VAULT_KEYS=[secret])["vestibule.E003"]
    assert "32 bytes" in said
    assert secret not in said


class Typeless(TenantProvider):
    session_type = "anonymous"


class Loose(TenantProvider):
    Settings = dict  # type: ignore[assignment]


class Mute(TenantProvider):
    check = None  # type: ignore[assignment]


class Half(TenantProvider):
    refresh = "later"  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("provider", "lack"),
    [(Typeless, "session_type"), (Loose, "Settings"), (Mute, "check"), (Half, "refresh")],
)
def test_a_provider_fulfils_the_contract(
    provider: type[Any], lack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.providers(), "tenant", provider)
    assert lack in found()["vestibule.E001"]


def test_a_wheel_that_is_named_is_loaded() -> None:
    assert "has a provider gild" in found(VESTIBULE_PROVIDER_WHEELS=["gild"])["vestibule.E004"]
    assert "oidc is a provider of" in found(VESTIBULE_PROVIDER_WHEELS=["oidc"])["vestibule.E004"]


@pytest.mark.parametrize("setting", ["DEBUG", "VESTIBULE_HTTP_PLAIN"])
def test_a_server_refuses_to_start_on_what_is_unsound(setting: str) -> None:
    with override_settings(**PRODUCTION):
        checks.refuse_unsound()
    with (
        override_settings(**{**PRODUCTION, setting: True}),
        pytest.raises(SystemExit, match="vestibule"),
    ):
        checks.refuse_unsound()


COLLECTED = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}


def test_a_server_refuses_to_start_without_its_static_files(tmp_path: Path) -> None:
    """Each page, and the page of an error, would be an empty 500."""
    refuse: Callable[[], None] = checks.refuse_unsound
    with override_settings(**PRODUCTION, STORAGES=COLLECTED, STATIC_ROOT=tmp_path):
        with pytest.raises(SystemExit, match=r"vestibule\.E020.*collectstatic"):
            refuse()
        assert run_checks(tags=["vestibule"]) == [], "migrate may come first"
    (tmp_path / "staticfiles.json").write_text('{"version": "1.1", "paths": {"a.css": "a.1.css"}}')
    with override_settings(**PRODUCTION, STORAGES=COLLECTED, STATIC_ROOT=tmp_path):
        refuse()
        said = [each for each in start.findings(None) if not each.ok]
    assert [each.fix for each in said if "not collected" in each.message] != []


def test_a_refusal_shows_no_secret() -> None:
    refuse: Callable[[], None] = checks.refuse_unsound
    with (
        override_settings(**{**PRODUCTION, "SECRET_KEY": "a-short-secret"}),
        pytest.raises(SystemExit) as refused,
    ):
        refuse()
    assert "a-short-secret" not in str(refused.value)

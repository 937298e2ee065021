"""docs/architecture.md 9: production starts clean, and does not start at all without a secret or on
an insecure choice.
"""

import base64
import subprocess
from pathlib import Path

import pytest

from tests.peers.commands import manage
from tests.peers.site import environment

PRODUCTION = {
    "VESTIBULE_ENV": "production",
    "VESTIBULE_SITE_URL": "https://login.example.org",
    "VESTIBULE_SECRET_KEY": "kA7-vQ2m_Zr9xLw4TbY8uHc3NsE6pJd1GfXoRi5yKzWqUeMnBt0VhSgDlCaPjI",
    "VESTIBULE_VAULT_KEYS": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    "VESTIBULE_MAIL_URL": "smtp+tls://vestibule:secret@mail.example.org:587",
    "DATABASE_URL": "postgres://vestibule:secret@127.0.0.1:1/vestibule",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
INSECURE = {
    "VESTIBULE_SITE_URL": "http://login.example.org",
    "VESTIBULE_SECRET_KEY": "short",
    "VESTIBULE_VAULT_KEYS": "bm90IDMyIGJ5dGVz",
    "VESTIBULE_HTTP_PLAIN": "1",
}


def check(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    known = environment({**PRODUCTION, "VESTIBULE_DATA": str(data), **variables})
    return manage(["check", "--deploy", "--fail-level", "WARNING"], known)


def test_production_with_all_it_needs_is_clean(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"VESTIBULE_ENV"}))
def test_what_production_lacks_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    done = check(tmp_path, **{name: ""})
    assert done.returncode != 0
    assert name in done.stderr


@pytest.mark.parametrize("name", ["VESTIBULE_SECRET_KEY", "VESTIBULE_VAULT_KEYS"])
def test_an_empty_key_is_an_error_and_no_traceback(name: str, tmp_path: Path) -> None:
    said = check(tmp_path, **{name: ""}).stderr
    assert "Traceback" not in said
    assert "vestibule.E0" in said


@pytest.mark.parametrize("word", ["prod", "Production", "staging", "production "])
def test_only_one_word_says_what_kind_of_site_it_is(word: str, tmp_path: Path) -> None:
    done = check(tmp_path, VESTIBULE_ENV=word)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "VESTIBULE_ENV" in done.stderr


@pytest.mark.parametrize("name", sorted(INSECURE))
def test_an_insecure_choice_is_an_error_that_names_it(name: str, tmp_path: Path) -> None:
    done = check(tmp_path, **{name: INSECURE[name]})
    assert done.returncode != 0
    assert name in done.stderr


def test_an_error_never_shows_a_secret(tmp_path: Path) -> None:
    done = check(tmp_path, VESTIBULE_HTTP_PLAIN="1", VESTIBULE_VAULT_KEYS="bm90IDMyIGJ5dGVz")
    said = done.stdout + done.stderr
    assert PRODUCTION["VESTIBULE_SECRET_KEY"] not in said
    assert "bm90IDMyIGJ5dGVz" not in said


def test_production_generates_no_keys(tmp_path: Path) -> None:
    check(tmp_path)
    assert not list(tmp_path.glob("keys*"))

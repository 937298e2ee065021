"""The keys of a site in its file: those that come take their place, the former ones are kept."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from django.test import override_settings

from portal.configuration.env import former_keys
from portal.operations import key_file

OWN = {"secret_key": "own", "vault_key": "own-vault"}
COMING = {"secret_key": "coming", "secret_key_fallbacks": "", "vault_key": "coming-vault"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    file = tmp_path / key_file.NAME
    file.write_text(json.dumps(OWN))
    return file


def kept(place: Path) -> list[Path]:
    return [*place.parent.glob("keys-*.json")]


def test_the_former_keys_are_kept_for_their_owner_alone(place: Path) -> None:
    place.chmod(0o644)
    with key_file.put(place.parent, COMING) as former:
        assert former is not None
    assert kept(place) == [former]
    assert json.loads(former.read_text()) == OWN
    assert stat.S_IMODE(former.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert key_file.read(place.parent) == {"secret_key": "coming", "vault_key": "coming-vault"}
    with key_file.put(place.parent, COMING) as again:
        assert again is None, "they are there already"
    with key_file.put(place.parent, OWN):
        pass
    assert len(kept(place)) == 2


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", []),
        ("one", ["one"]),
        ("one, two,", ["one", "two", "one, two", "two,", "one, two,"]),
        ("a,b,c", ["a", "b", "c", "a,b", "b,c", "a,b,c"]),
    ],
)
def test_a_former_key_may_have_a_comma(text: str, keys: list[str]) -> None:
    assert former_keys(text) == keys
    with override_settings(SECRET_KEY="a,new one", SECRET_KEY_FALLBACKS=keys):
        assert key_file.current()["secret_key_fallbacks"] == text
        assert not key_file.missing({"secret_key": "a,new one"})
        assert key_file.missing({"secret_key": "a"}) == (
            "" if "a" in keys else "VESTIBULE_SECRET_KEY"
        )


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_they_come_back_when_the_data_does_not_come(
    place: Path, failure: type[BaseException]
) -> None:
    with pytest.raises(failure), key_file.put(place.parent, COMING):
        raise failure
    assert json.loads(place.read_text()) == OWN
    place.unlink()
    with pytest.raises(failure), key_file.put(place.parent, COMING):
        raise failure
    assert not [*place.parent.iterdir()]


def test_they_stay_where_the_data_has_come_all_the_same(place: Path) -> None:
    """Somebody interrupts between the last byte and the end of the command."""
    file = place.parent / "keys.env"
    with pytest.raises(KeyboardInterrupt), key_file.put(place.parent, COMING, lambda: True):
        raise KeyboardInterrupt
    assert key_file.read(place.parent)["secret_key"] == "coming"
    assert len(kept(place)) == 1
    with pytest.raises(KeyboardInterrupt), key_file.environment(file, COMING, lambda: True):
        raise KeyboardInterrupt
    assert "VESTIBULE_SECRET_KEY=coming\n" in file.read_text()


def test_keys_that_cannot_be_written_leave_what_was(place: Path) -> None:
    (place.parent / f"{key_file.NAME}.{os.getpid()}").mkdir()  # where its draft goes
    with pytest.raises(OSError), key_file.put(place.parent, COMING):
        pytest.fail("nothing may follow")
    assert json.loads(place.read_text()) == OWN
    assert not kept(place)


def test_lines_for_an_environment_go_when_the_data_does_not_come(tmp_path: Path) -> None:
    file = tmp_path / "keys.env"
    with key_file.environment(file, COMING):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()
    with pytest.raises(KeyboardInterrupt), key_file.environment(file, COMING):
        raise KeyboardInterrupt
    assert not file.exists()

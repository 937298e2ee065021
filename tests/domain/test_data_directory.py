"""Where an installation keeps its data: where it is told, beside a checkout, or at the user's."""

from pathlib import Path

import pytest

from portal.configuration import env
from portal.configuration.env import Misconfigured, data_directory, secret


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VESTIBULE_DATA")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(env, "PORTAL", tmp_path / "site-packages" / "portal")


def test_it_is_where_the_setting_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VESTIBULE_DATA", str(tmp_path / "told"))
    assert data_directory() == tmp_path / "told"
    assert (tmp_path / "told" / "static").is_dir()


def test_a_checkout_keeps_it_beside_manage_py(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "manage.py").touch()
    assert data_directory() == tmp_path / "site-packages" / "var"


def test_an_installed_site_keeps_it_at_its_user(tmp_path: Path) -> None:
    assert data_directory() == tmp_path / "home" / ".local" / "state" / "vestibule"
    assert not (tmp_path / "site-packages").exists()


def test_the_users_folder_for_state_may_be_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert data_directory() == tmp_path / "state" / "vestibule"


@pytest.mark.parametrize("said", ["state", ""])
def test_a_folder_for_state_that_is_not_absolute_does_not_count(
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", said)
    assert data_directory() == tmp_path / "home" / ".local" / "state" / "vestibule"


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VESTIBULE_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(Misconfigured, match=r"VESTIBULE_DATA: cannot make \S+: Not a directory"):
        data_directory()


def test_a_user_without_a_home_is_asked_for_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(Misconfigured, match=r"\AVESTIBULE_DATA: .+\Z"):
        data_directory()


def test_a_secret_and_a_file_of_it_that_differ_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("of the former site\n")
    monkeypatch.setenv("VESTIBULE_SECRET_KEY_FILE", str(file))
    for given in ("", "of the former site"):
        monkeypatch.setenv("VESTIBULE_SECRET_KEY", given)
        assert secret("VESTIBULE_SECRET_KEY") == "of the former site"
    monkeypatch.setenv("VESTIBULE_SECRET_KEY", "of the new one")
    with pytest.raises(Misconfigured, match="both set, and differ") as refused:
        secret("VESTIBULE_SECRET_KEY")
    assert "of the" not in str(refused.value)


def test_a_secret_that_begins_with_a_dollar_is_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VESTIBULE_METRICS_TOKEN", "$PATH")
    monkeypatch.setenv("VESTIBULE_NAME", "$ch\u00f6n")
    monkeypatch.setenv("VESTIBULE_NEW_DEVICE_MAIL", "$x")
    assert env.secret("VESTIBULE_METRICS_TOKEN") == "$PATH"
    assert env.env.str("VESTIBULE_NAME", default="Vestibule") == "$ch\u00f6n"
    assert env.env.bool("VESTIBULE_NEW_DEVICE_MAIL", default=True) is False

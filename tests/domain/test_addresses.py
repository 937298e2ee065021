"""docs/configuration.md: an address of the environment is kept as browsers write it, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from accounts.factors import ceremony
from tests.domain.test_numbers import started


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({"SITE_URL": "https://Ærø.dk:8530"}, ["xn--r-3fa9c.dk"]),
        ({"SITE_URL": "http://[::1]:8000"}, ["[::1]"]),
        ({"SITE_URL": "https://login.example.org."}, ["login.example.org"]),
        (
            {"ALLOWED_HOSTS": "127.0.0.1:8530,http://127.0.0.2/,[::1]:80, ::2,a_b.example.,*"},
            ["localhost", "127.0.0.1", "127.0.0.2", "[::1]", "[::2]", "a_b.example", "*"],
        ),
        (
            {"ALLOWED_HOSTS": ".ærø.dk,login.straße.de"},
            ["localhost", ".xn--r-3fa9c.dk", "login.xn--strae-oqa.de"],
        ),
    ],
)
def test_a_host_is_kept_as_requests_name_it(
    given: dict[str, str], hosts: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert told(monkeypatch, tmp_path, given)["ALLOWED_HOSTS"] == hosts


def test_the_domain_of_cookies_is_one_of_the_site_in_any_letters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"SITE_URL": "https://login.ærø.dk", "COOKIE_DOMAIN": ".Ærø.dk"}
    found = told(monkeypatch, tmp_path, given)
    assert found["SESSION_COOKIE_DOMAIN"] == "xn--r-3fa9c.dk"
    assert found["VESTIBULE_SITE_URL"] == "https://login.xn--r-3fa9c.dk"


def test_a_front_end_is_known_as_browsers_write_it_and_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"FRONTEND_ORIGINS": "https://Front.example:443/, http://ærø.dk:8000,https://b.example"}
    assert told(monkeypatch, tmp_path, given)["VESTIBULE_FRONTEND_ORIGINS"] == [
        *("https://front.example", "https://front.example:443"),
        *("http://xn--r-3fa9c.dk:8000", "http://ærø.dk:8000", "https://b.example"),
    ]


def test_applications_know_the_site_by_the_port_that_is_written_and_browsers_by_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"SITE_URL": "https://Login.example.org:443/"}
    found = told(monkeypatch, tmp_path, given)
    assert found["VESTIBULE_SITE_URL"] == "https://login.example.org:443"
    with override_settings(VESTIBULE_SITE_URL=found["VESTIBULE_SITE_URL"]):
        assert ceremony.origin() == "https://login.example.org"


@pytest.mark.parametrize("url", ["", "/map/", "//www.example.org", "HTTPS://www.example.org/a?b"])
def test_the_front_page_is_a_path_or_an_address(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert told(monkeypatch, tmp_path, {"FRONTPAGE_URL": url})["VESTIBULE_FRONTPAGE_URL"] == url


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str]) -> dict[str, Any]:
    return started(monkeypatch, tmp_path, **{f"VESTIBULE_{name}": given[name] for name in given})

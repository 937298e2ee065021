"""While no database can be asked nobody comes in, and a person reads a page (gateway.md 2)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.http.gateway.asking import HOST, ask, rule
from tests.peers import fresh

pytestmark = pytest.mark.django_db

NAVIGATES = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


def refuse(*_: Any) -> Any:
    raise OperationalError("the server has gone away")


def told(answer: Any) -> str:
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["Cache-Control"] == "no-store"
    return str(answer.content.decode())


@pytest.fixture(autouse=True)
def files() -> None:
    rule("files")
    fresh.worker()


def test_a_person_reads_a_page_and_can_try_again() -> None:
    with connection.execute_wrapper(refuse):
        answer = ask(path="/case?id=7&b=<", **NAVIGATES)
        danish = ask(path="/case", Accept_Language="da", **NAVIGATES)
    page = told(answer)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Content-Security-Policy"].startswith("default-src 'none'; style-src ")
    assert "You have done nothing wrong." in page
    assert f'href="https://{HOST}/case?id=7&amp;b=&lt;">Try again</a>' in page
    assert "om nogle minutter" in told(danish)


def test_whose_form_is_lost_is_told_so() -> None:
    with connection.execute_wrapper(refuse):
        page = told(ask(method="POST", path="/case", Referer=f"https://{HOST}/case", **NAVIGATES))
    assert "What you sent has not arrived." in page
    assert "Try again" not in page


@pytest.mark.parametrize("method", ["GET", "PROPFIND"])
def test_a_program_reads_json(method: str) -> None:
    with connection.execute_wrapper(refuse):
        answer = ask(method=method, accept="*/*")
    assert (answer["Content-Type"], "Try again." in told(answer)) == ("application/json", True)


@pytest.mark.parametrize("step", ["start?rd=/case", "accept?code=x"])
def test_a_browser_on_its_way_reads_a_page_too(step: str) -> None:
    browser = Client(raise_request_exception=False)
    held = {"Host": HOST, "X-Forwarded-Host": HOST, "X-Forwarded-Proto": "https"}
    with connection.execute_wrapper(refuse):
        answer = browser.get(f"/.vestibule/{step}", headers=held)
    assert "You have done nothing wrong." in told(answer)

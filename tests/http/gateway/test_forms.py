"""A form of an application that is sent when nobody is signed in any more (docs/gateway.md 2)."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Event, User
from tests.http.conftest import sign_in
from tests.http.gateway.asking import HOST, ask, rule

pytestmark = [pytest.mark.django_db, pytest.mark.wire]

SENT = {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
FORM = f"https://{HOST}/case/new?id=7"


def link(answer: Any) -> str:
    found = re.search(r'<a class="button" href="([^"]+)" target="_blank"', answer.content.decode())
    assert found, answer.content
    return unescape(found[1])


def test_its_person_reads_how_to_send_it_again() -> None:
    rule("files")
    answer = ask(method="POST", path="/case", Referer=FORM, **SENT)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer ")
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert "What you sent has not arrived" in answer.content.decode()


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        (FORM, "/case/new?id=7"),
        (f"https://{HOST}/", "/"),
        ("", "/"),
        ("https://evil.example.org/case/new", "/"),
        (f"http://{HOST}/case/new", "/"),
        (f"https://{HOST}@evil.example.org/", "/"),
        (f"https://{HOST}/\\evil", "/"),
        (f'https://{HOST}/"><script>', '/"><script>'),
        (f"https://{HOST}//evil.example.org", "//evil.example.org"),
    ],
)
def test_the_way_in_leads_to_the_page_of_the_form(referer: str, page: str) -> None:
    rule("files")
    answer = ask(method="POST", path="/case", Referer=referer, **SENT)
    start = f"https://{HOST}/.vestibule/start?rd="
    assert link(answer) == start + quote(page, safe="")


def test_whose_proof_is_too_old_reads_so(person: User) -> None:
    rule("files", proof_seconds=1)
    browser = Client()
    sign_in(browser)
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        answer = ask(browser, method="POST", path="/case", **SENT)
    assert answer.status_code == 401
    assert "insufficient_user_authentication" in answer["WWW-Authenticate"]
    assert "a newer or a stronger sign-in is needed" in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "title"), [("da", "Du er ikke logget ind"), ("de", "Sie sind nicht angemeldet")]
)
def test_it_speaks_the_persons_language(language: str, title: str) -> None:
    rule("files")
    answer = ask(method="POST", Accept_Language=language, **SENT)
    assert f"<h1>{title}</h1>" in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Sec_Fetch_Mode": "cors"}),
        ("POST", {"Sec_Fetch_Mode": "navigate", "X_Requested_With": "XMLHttpRequest"}),
        ("POST", {**SENT, "Authorization": "Bearer x"}),
        ("PUT", SENT),
        ("PROPFIND", SENT),
    ],
)
def test_everything_else_gets_no_page(method: str, headers: dict[str, str]) -> None:
    rule("files")
    answer = ask(method=method, **headers)
    assert answer.status_code == 401
    assert not answer["Content-Type"].startswith("text/html")


def test_who_may_not_send_it_reads_why(person: User) -> None:
    rule("files", groups=["Nobody"])
    browser = Client()
    sign_in(browser)
    answer = ask(browser, method="POST", **SENT)
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")
    assert Event.objects.get(name="gateway.refused").support_code in answer.content.decode()

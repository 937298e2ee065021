"""The log line of a request."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client, RequestFactory

from portal.authorization_server.errors import AuthorizationPending
from portal.authorization_server.wire import refused
from portal.middleware import RequestLog
from portal.server.short_ways import write_line
from tests.http.at_front import by_django, told

FORGED = {
    "CF-Connecting-IP": "203.0.113.7",
    "Client-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7",
    "True-Client-IP": "203.0.113.7",
    "X-Client-IP": "203.0.113.7",
    "X-Cluster-Client-IP": "203.0.113.7",
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-IP": "203.0.113.7",
}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Give a function that returns what the requests so far have written."""
    caplog.set_level(logging.INFO)
    return lambda: [r.msg for r in caplog.records if r.name.startswith("django_structlog")]


@pytest.mark.django_db
def test_each_request_writes_one_line_that_says_how_it_ended(client: Client, lines: Any) -> None:
    client.get("/auth/session")
    (line,) = lines()
    assert line["event"] == "request_finished"
    assert (line["request"], line["code"]) == ("GET /auth/session", 200)
    assert line["request_id"]


@pytest.mark.django_db
def test_the_address_is_that_of_the_connection_whatever_a_caller_says(
    client: Client, lines: Any
) -> None:
    client.get("/auth/session", headers=FORGED, REMOTE_ADDR="198.51.100.4")
    assert [line["ip"] for line in lines()] == ["198.51.100.4"]


@pytest.mark.django_db
def test_a_request_that_django_does_not_see_writes_the_same_line(lines: Any) -> None:
    environ = told("GET", "/auth/session", HTTP_X_REAL_IP="203.0.113.7")
    by_django(environ)
    write_line(environ, 200)
    theirs, ours = lines()
    assert theirs.pop("request_id") != ours.pop("request_id")
    assert theirs.pop("timestamp") <= ours.pop("timestamp")
    assert theirs == ours


@pytest.mark.django_db
def test_nobody_is_warned_of_a_device_that_waits(lines: Any) -> None:
    answer = refused(AuthorizationPending("The person has not decided yet."))
    RequestLog(lambda _request: answer)(RequestFactory().post("/oauth/token"))
    write_line(told("POST", "/oauth/token"), answer.status_code)
    assert [(line["code"], line["level"]) for line in lines()] == [(400, "info")] * 2

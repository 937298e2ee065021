"""The log line of a request."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client

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

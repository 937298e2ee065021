"""Logs are JSON lines with request and support codes, and hold no secret, whoever writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
import structlog

from portal.configuration.logs import REDACTED, Redaction
from tests.peers.site import Site

OWN = "a-password-of-the-database"
SAID = {
    "event": "something",
    "password": "guess-0815",
    "headers": {"Authorization": "Bearer abcdefgh", "Accept": "text/html"},
    "calls": [{"refresh_token": "vstr_1"}, ("https://x.example/?code=secret-1&a=b",)],
    "error": ValueError(f"cannot connect by {OWN}"),
    "raw": b"state=secret-2",
    "url": "/login/letmein/secret-3",
    "reset": "/login/reset/uid/secret-4",
    "milliseconds": 3,
    "ok": True,
    "token": None,
}


def test_no_secret_is_written_at_any_depth() -> None:
    line = json.dumps(Redaction([OWN])(None, "info", dict(SAID)))
    for secret in ("guess", "abcdefgh", "vstr", "secret-", OWN):
        assert secret not in line
    kept = json.loads(line)
    assert kept["headers"] == {"Authorization": REDACTED, "Accept": "text/html"}
    assert kept["calls"][1][0].endswith("&a=b")
    assert (kept["milliseconds"], kept["ok"], kept["token"]) == (3, True, None)


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    return site({"VESTIBULE_METRICS_TOKEN": "a-token-for-prometheus"})


def lines(house: Site) -> list[dict[str, Any]]:
    found = (line for line in house.output().splitlines() if line.startswith("{"))
    return [json.loads(line) for line in found]


def test_a_support_code_leads_to_its_request(house: Site) -> None:
    form = {"username": "alice", "password": "not-her-password"}
    assert requests.post(f"{house.url}/session/login", json=form).status_code == 401
    (event,) = (line for line in lines(house) if line["event"] == "login.failed")
    assert len(event["support_code"]) == len("BCDF-2345")
    of_request = [line for line in lines(house) if line.get("request_id") == event["request_id"]]
    assert [line["event"] for line in of_request][-1] == "request_finished"
    assert of_request[-1]["code"] == 401
    assert event["ip"] == "127.0.0.1"
    for line in lines(house):
        assert {"event", "level", "timestamp"} <= set(line)


def test_the_sites_own_secrets_are_in_no_line_of_it(house: Site) -> None:
    headers = {"Authorization": "Bearer a-token-for-prometheus"}
    path = "/nowhere?x=a-token-for-prometheus&password=guess-0815"
    requests.get(house.url + path, headers=headers)
    requests.get(f"{house.url}/login/letmein/a-secret-of-the-terminal", headers=headers)
    said = house.output()
    assert "/nowhere" in said
    for secret in ("a-token-for-prometheus", "guess-0815", "not-her-password", "of-the-terminal"):
        assert secret not in said


def test_whatever_is_bound_to_a_line_is_cleaned_too() -> None:
    with structlog.contextvars.bound_contextvars(cookie="a=b"):
        merged = structlog.contextvars.merge_contextvars(None, "info", {"event": "x"})
    assert Redaction()(None, "info", dict(merged))["cookie"] == REDACTED

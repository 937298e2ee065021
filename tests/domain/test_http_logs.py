"""What is written about a call: one line, and nothing secret anywhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from accounts.http import CallFailed, Client, Upstreams
from tests.peers.trouble import TroubleServer

pytestmark = pytest.mark.wire

LONG, SHORT = 60.0, 0.3  # deadlines in seconds: one that a busy machine keeps, one to wait for
QUERY = "?code=secret-of-the-query"
SECRETS: dict[str, Any] = {
    "headers": {"Cookie": "a=secret-of-the-headers"},
    "auth": ("client", "secret-of-the-password"),
}


@pytest.fixture
def upstream(settings: Any) -> Iterator[TroubleServer]:
    settings.VESTIBULE_HTTP_PLAIN = True
    settings.VESTIBULE_HTTP_CONNECT = settings.VESTIBULE_HTTP_DEADLINE = LONG
    with TroubleServer() as server:
        yield server


@pytest.fixture
def client() -> Client:
    return Client("source:unilogin", Upstreams())


def test_a_call_writes_one_line(client: Client, upstream: TroubleServer) -> None:
    with capture_logs() as lines:
        client.post(upstream.url("/json;v=1?q=secret#f"), form={"code": "secret"})
    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "outbound-call",
        "log_level": "info",
        "caller": "source:unilogin",
        "method": "POST",
        "url": upstream.url("/json"),
        "status": 200,
        "bytes": 18,
    }


def test_a_failed_call_writes_one_line_that_names_the_trouble(
    client: Client, upstream: TroubleServer
) -> None:
    client.get(upstream.url("/json"))  # a busy machine takes long to connect, which is kept
    with capture_logs() as lines, pytest.raises(CallFailed):
        client.get(upstream.url("/hang?q=secret"), deadline=SHORT)
    (line,) = lines
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "outbound-call",
        "log_level": "warning",
        "caller": "source:unilogin",
        "method": "GET",
        "url": upstream.url("/hang"),
        "error": "ReadTimeoutError",
    }


def test_a_refused_address_is_not_written(client: Client) -> None:
    with capture_logs() as lines, pytest.raises(CallFailed):
        client.get("https://user:secret@127.0.0.1/secret")
    assert [(line["error"], "url" in line) for line in lines] == [("RefusedUrl", False)]


@pytest.mark.parametrize(
    "path",
    [
        "/json",
        "/echo",
        "/cookie",
        "/error",
        "/html",
        "/redirect",
        "/hang",
        "/hang-in-body",
        "/huge",
        "/short",
        "/close",
        "/garbage",
        "/bomb",
    ],
)
def test_no_secret_is_in_a_log_or_an_exception(
    client: Client, upstream: TroubleServer, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = ""
    with capture_logs() as lines:
        try:
            within = SHORT if "hang" in path else LONG
            client.get(upstream.url(path + QUERY), deadline=within, **SECRETS).json()
        except CallFailed as failed:
            seen = "".join(traceback.format_exception(failed)) + repr(failed) + repr(vars(failed))
            seen += repr(failed.__context__) + repr(failed.__cause__)
    assert len(lines) == 1
    assert "secret-of" not in caplog.text + repr(lines) + seen


def test_a_dead_upstream_tells_no_secret(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines, pytest.raises(CallFailed) as caught:
        client.get(f"https://127.0.0.1:1/path{QUERY}", **SECRETS)
    told = caplog.text + repr(lines) + "".join(traceback.format_exception(caught.value))
    assert "secret-of" not in told

"""What a call sends, and what it makes of the answer (accounts/http)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from accounts.errors import TemporarilyUnavailable
from accounts.http import Answer, CallFailed, Client, RefusedUrl, Upstreams, handles
from accounts.http import client as way_in
from tests.peers.trouble import TroubleServer

pytestmark = pytest.mark.wire


@pytest.fixture
def upstream() -> Iterator[TroubleServer]:
    with TroubleServer() as server:
        yield server


@pytest.fixture
def client(settings: Any) -> Client:
    settings.VESTIBULE_HTTP_PLAIN = True
    return Client("test", Upstreams())


def told(answer: Answer) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What `/echo` heard, and its headers by lower-case name."""
    heard = answer.json()
    headers: dict[str, list[str]] = {}
    for name, value in heard["headers"]:
        headers.setdefault(name.lower(), []).append(value)
    return heard, headers


def test_a_json_answer_is_parsed(client: Client, upstream: TroubleServer) -> None:
    answer = client.get(upstream.url("/json"))
    assert (answer.status, answer.ok, answer.json()) == (200, True, {"hello": "world"})
    assert answer.headers["content-type"] == answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("/echo?a=1&b=%C3%A6+%26", "/echo?a=1&b=%C3%A6+%26"),
        ("/echo?b=æ'[]{}", "/echo?b=%C3%A6'[]%7B%7D"),
        ("/echo?", "/echo"),
        ("/echo?a=1#fragment", "/echo?a=1"),
    ],
)
def test_an_address_goes_out_as_it_is_with_the_rest_percent_encoded(
    client: Client, upstream: TroubleServer, given: str, sent: str
) -> None:
    heard, _ = told(client.get(upstream.url(given)))
    assert (heard["method"], heard["target"]) == ("GET", sent)


def test_a_form_is_posted_with_basic_authentication(
    client: Client, upstream: TroubleServer
) -> None:
    heard, headers = told(
        client.post(upstream.url("/echo"), form={"code": "a b"}, auth=("user", "pass wörd"))
    )
    assert (heard["method"], heard["body"]) == ("POST", "code=a+b")
    assert headers["content-type"] == ["application/x-www-form-urlencoded"]
    assert headers["authorization"] == ["Basic dXNlcjpwYXNzIHfDtnJk"]


def test_json_and_plain_content_are_posted(client: Client, upstream: TroubleServer) -> None:
    heard, headers = told(client.post(upstream.url("/echo"), json={"query": "{ me }"}))
    assert json.loads(heard["body"]) == {"query": "{ me }"}
    assert headers["content-type"] == ["application/json"]
    heard, headers = told(
        client.post(upstream.url("/echo"), content=b"<soap/>", headers={"content-type": "text/xml"})
    )
    assert heard["body"] == "<soap/>"
    assert headers["content-type"] == ["text/xml"]


def test_a_callers_header_replaces_ours_in_any_case(
    client: Client, upstream: TroubleServer
) -> None:
    mine = {"accept": "text/xml", "USER-AGENT": "Other", "content-TYPE": "text/plain"}
    _, headers = told(client.post(upstream.url("/echo"), form={"a": "b"}, headers=mine))
    assert headers["accept"] == ["text/xml"]
    assert headers["user-agent"] == ["Other"]
    assert headers["content-type"] == ["text/plain"]


def test_an_address_that_was_used_is_judged_again_by_the_sites_settings(
    client: Client, upstream: TroubleServer, settings: Any
) -> None:
    client.get(upstream.url("/json"))
    settings.VESTIBULE_HTTP_PLAIN = False
    for _ in range(2):
        with pytest.raises(RefusedUrl):
            client.get(upstream.url("/json"))


def test_what_is_sent_by_itself_is_little(client: Client, upstream: TroubleServer) -> None:
    _, headers = told(client.get(upstream.url("/echo")))
    assert headers.pop("host") == [upstream.origin.removeprefix("http://")]
    assert headers.pop("user-agent") == ["Vestibule"]
    assert headers.pop("accept-encoding") == ["identity"]
    assert set(headers) == {"accept"}


def test_a_cookie_header_goes_out_as_its_bytes(client: Client, upstream: TroubleServer) -> None:
    raw = b'SSESSabc="q%2C=="; other=\xe6\xf8; empty='
    _, headers = told(client.get(upstream.url("/echo"), headers={"Cookie": raw}))
    assert headers["cookie"] == [raw.decode("latin-1")]


def test_no_cookie_is_kept_between_calls(client: Client, upstream: TroubleServer) -> None:
    assert "set-cookie" in client.get(upstream.url("/cookie")).headers
    _, headers = told(client.get(upstream.url("/echo")))
    assert "cookie" not in headers


@pytest.mark.parametrize("path", ["/redirect", "/redirect?again=1"])
def test_a_redirect_is_an_answer_and_is_not_followed(
    client: Client, upstream: TroubleServer, path: str
) -> None:
    answer = client.post(upstream.url(path), form={"code": "x"})
    assert (answer.status, answer.ok, answer.headers["Location"]) == (302, False, "/landing")
    assert upstream.requests["/landing"] == 0


def test_the_environment_of_the_process_changes_nothing(
    client: Client, upstream: TroubleServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    _, headers = told(client.get(upstream.url("/echo")))
    assert "authorization" not in headers


def test_connections_are_kept_and_used_again(
    client: Client, upstream: TroubleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_IDLE", 60)  # a busy machine lets one rest for long
    for path in ("/json", "/redirect", "/error", "/json", "/echo", "/packed", "/wobbly"):
        client.get(upstream.url(path))
        Client("another", Upstreams()).post(upstream.url("/echo"), form={"a": "b"})
    assert upstream.requests.total() == 14
    assert upstream.connections == 1


def test_a_connection_that_rested_long_is_not_used_again(
    client: Client, upstream: TroubleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_IDLE", 1)
    monkeypatch.setattr(handles, "_idle", {})
    client.get(upstream.url("/json"))
    time.sleep(1.1)
    client.get(upstream.url("/json"))
    assert upstream.connections == 2


def test_threads_share_connections_and_never_get_the_answer_of_another(
    client: Client, upstream: TroubleServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handles, "MAX_IDLE", 60)  # a busy machine lets one rest for long
    settings.VESTIBULE_THREADS, settings.VESTIBULE_HTTP_PER_UPSTREAM = 17, 16
    settings.VESTIBULE_HTTP_DEADLINE = 30.0
    settings.VESTIBULE_HTTP_CONNECT = 30.0  # the server's queue of new connections is short

    def post(number: int) -> bool:
        heard = client.post(upstream.url("/echo"), form={"number": str(number)}).json()
        return bool(heard["body"] == f"number={number}")

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(post, range(800)))
    assert upstream.connections <= 16


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_call_is_not_sent_again_when_a_kept_connection_breaks(
    client: Client, upstream: TroubleServer, method: str
) -> None:
    client.get(upstream.url("/json"))
    with pytest.raises(CallFailed) as caught:
        getattr(client, method)(upstream.url("/close"))
    assert caught.value.kind == "RemoteDisconnected"
    assert upstream.requests["/close"] == 1


def test_a_post_without_a_body_says_so(client: Client, upstream: TroubleServer) -> None:
    client.post(upstream.url("/echo"), form={"a": "b"})
    heard, headers = told(client.post(upstream.url("/echo")))
    assert (heard["method"], heard["body"], headers["content-length"]) == ("POST", "", ["0"])
    assert "content-type" not in headers


def test_a_header_without_a_value_goes_out(client: Client, upstream: TroubleServer) -> None:
    _, headers = told(client.get(upstream.url("/echo"), headers={"X-Empty": ""}))
    assert headers["x-empty"] == [""]


def test_repeated_headers_are_joined_without_those_of_interim_answers_and_trailers(
    client: Client, upstream: TroubleServer
) -> None:
    answer = client.get(upstream.url("/heads"))
    assert (answer.status, answer.text) == (200, "hello")
    assert answer.headers["X-Twice"] == "one, two"
    assert len(answer.headers) == 2


def test_an_error_status_is_an_answer(client: Client, upstream: TroubleServer) -> None:
    answer = client.get(upstream.url("/error"))
    assert (answer.status, answer.ok) == (500, False)


def test_a_packed_answer_is_unpacked(client: Client, upstream: TroubleServer) -> None:
    assert client.get(upstream.url("/packed")).json() == {"hello": "world"}


@pytest.mark.parametrize("path", ["/html", "/broken-json", "/deep-json"])
def test_what_is_not_json_is_a_typed_error_without_the_body(
    client: Client, upstream: TroubleServer, path: str
) -> None:
    answer = client.get(upstream.url(path))
    with pytest.raises(TemporarilyUnavailable) as caught:
        answer.json()
    assert str(caught.value) == "The answer of the upstream is not JSON."
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("body", [b"", b"NaN", b"-Infinity", b"\xff", b"1" * 5000, b"{} {}"])
def test_json_is_read_strictly(body: bytes) -> None:
    with pytest.raises(TemporarilyUnavailable):
        Answer(200, {}, body).json()


def test_text_replaces_what_is_not_utf_8() -> None:
    assert Answer(200, {}, b"\xc3\xa6\xff").text == "æ\ufffd"


def test_an_answer_does_not_show_headers_or_body() -> None:
    shown = repr(Answer(200, {"Set-Cookie": "secret"}, b"secret"))
    assert shown == "Answer(status=200)"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "127.0.0.1/json",
        "//127.0.0.1/json",
        "",
        "https://",
        "https:///json",
        "https:127.0.0.1",
        "https://:443/",
        "https://127.0.0.1:port/",
        "https://127.0.0.1:99999/",
        "https://[::1/",
        "https://user:secret@127.0.0.1/",
        "https://user@127.0.0.1/",
        "https://@127.0.0.1/",
        "https://127.0.0.1\\@example.org/",
        "https://127.0.0.1/\r\nX-Injected: 1",
        "https://127.0.0.1/a b",
        " https://127.0.0.1/",
        "https://127.0.0.1/\x00",
        "https://127.0.0.1/\x7f",
        "https://127.0.0.1/\ud800",
        "https://exa%6dple.org/",
        "https://{}/",
    ],
)
def test_an_unclear_or_plain_address_is_refused_before_anything_is_opened(
    url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VESTIBULE_HTTP_PLAIN = False

    def exchange(*_: object, **__: object) -> None:
        pytest.fail("A call was made.")

    monkeypatch.setattr(way_in, "exchange", exchange)
    with pytest.raises(RefusedUrl) as caught:
        Client("test", Upstreams()).get(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "secret\r\nX-Injected: 1"}, {"X-A\r\nB": "1"}, {"X-A": b"secret\n"}, {"": "secret"}],
)
def test_a_malformed_header_is_refused(
    client: Client, upstream: TroubleServer, headers: dict[str, str | bytes]
) -> None:
    with pytest.raises(CallFailed) as caught:
        client.get(upstream.url("/echo"), headers=headers)
    assert "secret" not in repr(caught.value)
    assert upstream.requests.total() == 0


def test_the_caller_is_all_that_a_client_shows() -> None:
    assert repr(Client("source:unilogin")) == "Client('source:unilogin')"

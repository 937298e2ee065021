"""Whatever the CMS and the look-ups answer: a patron, nobody, or a typed error
(docs/contract.md 8).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.errors import ProtocolError
from accounts.http import Client
from accounts.http.upstreams import Upstreams
from accounts.provider import Authentication, TokenSet
from providers.adgangsplatformen.client import Budget, Cms, CmsUrls
from providers.adgangsplatformen.cookies import candidates
from providers.adgangsplatformen.patrons import find
from providers.adgangsplatformen.settings import CmsSettings

SOON = int(time.time()) + 3600
texts = st.one_of(st.text(max_size=20), st.sampled_from(["\ud800", "VALID", "INVALID", "x" * 5000]))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
ends = st.one_of(values, st.integers(-(10**14), 10**14), st.just(SOON))
users = st.one_of(
    values,
    st.fixed_dictionaries(
        {"token": st.one_of(values, texts), "expire": st.fixed_dictionaries({"timestamp": ends})}
    ),
)
tokens = st.one_of(
    values,
    users.map(lambda user: {"data": {"dplTokens": {"adgangsplatformen": {"user": user}}}}),
)
urls = st.one_of(values, texts, texts.map(lambda text: f"{SERVED['url']}/{text}"))
addresses = st.one_of(
    values,
    st.tuples(urls, urls).map(
        lambda pair: {
            "data": {
                "goConfiguration": {
                    "public": {
                        "loginUrls": {"adgangsplatformen": pair[0]},
                        "logoutUrls": {"adgangsplatformen": pair[1]},
                    }
                }
            }
        }
    ),
)
people = st.one_of(
    values,
    st.fixed_dictionaries(
        {
            "attributes": st.one_of(
                values, st.fixed_dictionaries({"cpr": values, "uniqueId": texts})
            ),
            "authenticateStatus": st.one_of(values, texts),
            "patron": st.one_of(values, st.fixed_dictionaries({"patronId": values, "name": texts})),
        }
    ),
)
SERVED: dict[str, Any] = {"url": "", "body": b""}
many = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(SERVED["body"])))
            self.end_headers()
            self.wfile.write(SERVED["body"])

        do_POST = do_GET  # noqa: N815  # the name is the library's

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    SERVED["url"] = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def now() -> datetime:
    return datetime.now(UTC)


def serve(answer: Any) -> tuple[CmsSettings, Client]:
    """Answer so from now on. The client remembers no failures of before."""
    SERVED["body"] = json.dumps(answer).encode()
    url = SERVED["url"]
    chosen = CmsSettings(
        cms_url=url,
        graphql_user="user",
        graphql_password="password",
        userinfo_url=f"{url}/userinfo",
        subject_key="k" * 32,
        patron_url=f"{url}/patron",
    )
    return chosen, Client("test", Upstreams())


@many
@given(tokens)
@example({"data": {"dplTokens": {"adgangsplatformen": {"user": {"token": "t", "expire": 1}}}}})
def test_any_answer_to_whose_cookie_it_is(answer: Any) -> None:
    chosen, http = serve(answer)
    (cookie,) = candidates(chosen, {"SESS": "x"})
    try:
        found = Cms(chosen, http).user_token(cookie, Budget(), now())
    except ProtocolError:
        return
    assert found is None or isinstance(found, TokenSet)


@many
@given(addresses)
def test_any_answer_to_where_the_login_is(answer: Any) -> None:
    chosen, http = serve(answer)
    try:
        known = Cms(chosen, http).fetch_urls()
    except ProtocolError:
        return
    assert isinstance(known, CmsUrls)
    for url in (known.login, known.logout):
        assert not url or url.startswith(f"{SERVED['url']}/") or url == SERVED["url"]
        assert url.isascii()
        assert url.isprintable()


@many
@given(people)
@example({"attributes": {"uniqueId": "\ud800"}})
@example({"attributes": {"cpr": "1"}, "authenticateStatus": "VALID", "patron": {"patronId": True}})
def test_any_answer_to_who_a_patron_is(answer: Any) -> None:
    chosen, http = serve(answer)
    try:
        subject, name = find(chosen, http, "token", Budget())
    except ProtocolError:
        return
    assert 0 < len(subject) <= 255
    assert len(name) <= 300
    assert Authentication(subject, name=name).subject.isprintable()

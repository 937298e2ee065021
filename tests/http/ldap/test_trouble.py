"""A directory in trouble is never a wrong password, and holds nobody else up."""

from __future__ import annotations

import _socket
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from accounts import conf
from accounts.http import CallFailed, Place
from accounts.http.upstreams import Visit
from accounts.models import Event
from providers.ldap import pool
from providers.ldap.client import Connection
from providers.ldap.settings import Server
from tests.http.conftest import sign_in as sign_in_locally
from tests.http.ldap.conftest import Work, enter
from tests.peers import patience
from tests.peers.certificates import make_certificates
from tests.peers.silent_address import silent
from tests.peers.site import free_port
from tests.peers.slapd import Directory, slapd
from tests.peers.troubled_directory import between, result, troubled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

# What a server does, and what is said of it: the end of the time is the end, whatever still comes.
KINDS = {
    "hang": "Timeout",
    "drip": "Timeout",
    "noise": "NotLdap",
    "shut": "Closed",
    "huge": "TooLarge",
}


def nobody_listens() -> str:
    return f"ldap://127.0.0.1:{free_port()}"


def in_vain(client: Client, username: str = "alice", **how: Any) -> Any:
    """Sign in where nothing can be judged. Returns the response."""
    response = enter(client, username, **how)
    assert response.status_code == 503, response.content
    assert int(response["Retry-After"]) > 0
    page = response.content.decode()
    assert "did not accept" not in page
    assert "password is not right" not in page
    return response


@pytest.mark.parametrize("first", [True, False])
def test_one_of_two_servers_is_enough(
    client: Client, work: Work, directory: Directory, first: bool
) -> None:
    servers = [nobody_listens(), directory.plain] if first else [directory.plain, nobody_listens()]
    work(servers=servers)
    assert enter(client, "alice")["Location"] == "/account/"


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_server_serves_whatever_the_first_one_does(
    client: Client, work: Work, directory: Directory, kind: str
) -> None:
    with troubled(kind) as url:
        work(servers=[url, directory.plain], start_tls=False, ca="")
        assert enter(client, "alice")["Location"] == "/account/"


@pytest.mark.parametrize("code", [1, 3, 51, 52, 53, 80])
def test_the_next_server_serves_while_the_first_one_takes_nobody(
    client: Client, work: Work, directory: Directory, code: int
) -> None:
    with troubled("answers", result(code)) as url:
        work(servers=[url, directory.plain], start_tls=False, ca="")
        assert enter(client, "alice")["Location"] == "/account/"


@pytest.mark.parametrize("code", [8, 13, 32, 34, 48, 49])
def test_a_server_that_refuses_bind_dn_is_our_fault(
    client: Client, work: Work, directory: Directory, code: int
) -> None:
    with troubled("answers", result(code)) as url:
        work(servers=[url, directory.plain], start_tls=False, ca="")
        assert b"That is our fault, not yours" in in_vain(client).content


def test_both_down_is_no_wrong_password(client: Client, work: Work) -> None:
    work(servers=[nobody_listens(), nobody_listens()])
    assert b"does not answer at the moment" in in_vain(client).content
    failed = Event.objects.get(name="login.failed")
    assert failed.reason == "temporarily-unavailable"
    assert "cannot be reached" in failed.detail
    given = {"username": "alice", "password": "ldap-alice", "source": "work"}
    refused = client.post("/session/login", given)
    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")


def test_a_name_server_that_is_silent_is_left_after_the_time_to_connect(
    client: Client, work: Work, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X06: people wait for a directory no longer than for an upstream that speaks HTTP."""
    settings.VESTIBULE_HTTP_CONNECT = 0.2
    stopped, known, asked = threading.Event(), socket.getaddrinfo, list[str]()

    def silent(host: Any, *args: Any, **how: Any) -> Any:
        if host != "silent.test":
            return known(host, *args, **how)
        asked.append(host)
        assert stopped.wait(60), "nobody waits for it"
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    try:
        work(servers=["ldap://silent.test"])
        in_vain(client)
        in_vain(client)
    finally:
        stopped.set()
    assert asked == ["silent.test"], "all who ask share one look-up"
    assert "looked up in time" in Event.objects.filter(name="login.failed")[0].detail


def test_a_name_of_several_servers_serves_while_the_first_ones_are_switched_off(
    client: Client, work: Work, directory: Directory, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """As the name of a domain of Active Directory, which has the addresses of all controllers."""
    settings.VESTIBULE_HTTP_CONNECT, settings.VESTIBULE_HTTP_DEADLINE = 10.0, 20.0
    conf.read_anew()
    known, off = socket.getaddrinfo, ("127.0.0.5", "127.0.0.6", "127.0.0.7")

    def several(host: Any, *args: Any, **how: Any) -> Any:
        found = known("127.0.0.1" if host == "localhost" else host, *args, **how)
        alike = [(*found[0][:4], (each, 0)) for each in off]
        return [*alike, *found] if host == "localhost" else found

    monkeypatch.setattr(socket, "getaddrinfo", several)
    with ExitStack() as open_:
        for each in off:
            open_.enter_context(silent(each, directory.port))
        work()
        assert enter(client, "alice").status_code == 303


def test_a_name_that_is_none_is_trouble(
    client: Client, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _socket.getaddrinfo)  # which asks nobody for it
    work(servers=[f"ldap://{'a' * 70}.test"])
    in_vain(client)


def test_what_could_not_be_judged_locks_nobody_out(
    client: Client, work: Work, directory: Directory
) -> None:
    work(servers=[nobody_listens()])
    for _ in range(12):
        in_vain(client)
    work()
    assert enter(client, "alice").status_code == 303


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_is_none(client: Client, work: Work, kind: str, tls: bool) -> None:
    with troubled(kind) as url:
        work(servers=[url], start_tls=tls)
        in_vain(client)
    assert f"({KINDS[kind]})" in Event.objects.get(name="login.failed").detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_of_ldaps_that_is_none(client: Client, work: Work, kind: str) -> None:
    with troubled(kind) as url:
        work(servers=[url.replace("ldap:", "ldaps:")])
        in_vain(client)


def test_a_certificate_of_a_stranger_is_not_taken(
    client: Client, work: Work, directory: Directory, tmp_path: Any
) -> None:
    stranger = make_certificates(tmp_path, ("localhost",)).authority
    for servers in ([directory.plain], [directory.tls]):
        work(servers=servers, ca=str(stranger))
        in_vain(client)
    assert "is not trusted" in Event.objects.filter(name="login.failed").first().detail
    assert not [each for each in directory.operations() if each[0] == "BIND"]


def test_a_certificate_for_another_name_is_not_taken(
    client: Client, work: Work, directory: Directory
) -> None:
    work(servers=[f"ldaps://127.0.0.1:{directory.tls_port}"])
    in_vain(client)
    assert not [each for each in directory.operations() if each[0] == "BIND"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"bind_password": "wrong"},
        {"base": "ou=nowhere,dc=example,dc=org"},
        {"base": "dc=elsewhere"},
        {"id_attribute": "employeeNumber"},
        {"user_filter": "(&(uid={username})(!))"},
        {"ca": "/nowhere/authority.pem"},
    ],
)
def test_what_is_set_wrong_is_our_fault(client: Client, work: Work, wrong: dict[str, str]) -> None:
    work(**wrong)
    response = in_vain(client)
    assert b"That is our fault, not yours" in response.content
    assert Event.objects.get(name="login.failed").reason == "misconfigured"


def test_a_server_that_was_started_anew_is_called_anew(client: Client, work: Work) -> None:
    with slapd() as own:
        work(**own.settings())
        enter(client, "alice")
        own.stop()
        in_vain(Client())
        own.start()
        assert enter(Client(), "alice").status_code == 303
        own.stop()
        own.start()  # the connections that are kept are dead, which nobody has noticed yet
        assert enter(Client(), "alice").status_code == 303


def test_kept_connections_that_lead_nowhere_any_more_keep_nobody_out(
    work: Work, directory: Directory, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a firewall was started anew: neither end is told, and new connections work."""
    settings.VESTIBULE_HTTP_DEADLINE = 10.0  # of which a search on a kept one has half
    conf.read_anew()

    def attempt(number: int) -> int:
        try:
            return int(enter(Client(REMOTE_ADDR=f"192.0.2.{number}"), "alice").status_code)
        finally:
            connections.close_all()

    with between(directory.port) as way, ThreadPoolExecutor(6) as threads:
        work(servers=[way.url])
        assert set(threads.map(attempt, range(18))) == {303}
        monkeypatch.setattr(pool, "RESTED_SECONDS", 0.0)
        way.forget()
        assert set(threads.map(attempt, range(6))) == {303}, "at once, by a new connection each"
        way.forget()
        assert [attempt(number) for number in range(4)] == [303] * 4, "one after the other"


def test_a_server_that_hangs_takes_so_many_threads_and_no_more(
    work: Work, settings: Any, person: Any
) -> None:
    settings.VESTIBULE_HTTP_PER_UPSTREAM, settings.VESTIBULE_THREADS = 2, 8
    waiting = threading.active_count()

    def attempt(number: int) -> tuple[int, bytes]:
        response = enter(Client(REMOTE_ADDR=f"192.0.2.{number}"), f"person-{number}")
        connections.close_all()
        return response.status_code, response.content

    with ThreadPoolExecutor(10) as threads:
        with troubled("hang") as url:
            work(servers=[url], start_tls=False, ca="")
            settings.VESTIBULE_HTTP_DEADLINE = 3 * patience.LONG
            asked = [threads.submit(attempt, number) for number in range(10)]
            told = [each.result() for each in islice(as_completed(asked), 8)]
            assert {status for status, _page in told} == {503}
            assert all(b"Many people are signing in" in page for _status, page in told)
            assert sum(each.done() for each in asked) == 8, "two hold a place until the end"
            assert sign_in_locally(Client()).status_code == 303
        assert {each.result()[0] for each in asked} == {503}
    assert threading.active_count() <= waiting + 4


def test_who_failed_in_a_row_is_not_asked_for_a_while(client: Client, work: Work) -> None:
    work(servers=[nobody_listens()])
    for _ in range(6):
        in_vain(client)
    failed = Event.objects.filter(name="login.failed").order_by("-id")[0]
    assert "not asked for a while" in failed.detail


@pytest.mark.remembers
def test_the_trouble_is_shown_before_the_click(client: Client, work: Work) -> None:
    work(servers=[nobody_listens()])
    in_vain(client)
    (told,) = [each for each in client.get("/auth/sources").json() if each["slug"] == "work"]
    assert told["kind"] == "form"
    assert told["trouble"] is not None
    form = client.get("/login").content.decode().partition('id="with-work"')[2]
    assert "This may not work at the moment." in form
    work()
    assert enter(client, "alice").status_code == 303
    assert "may not work" not in Client().get("/login").content.decode()


def asked(connection: Connection, place: Place) -> str:
    """Ask for anything. Returns why it failed."""
    with pytest.raises(CallFailed) as caught:
        connection.bind("cn=alice", "ldap-alice", place)
    return caught.value.kind


def place_for(seconds: float) -> Place:
    return Place(5.0, time.monotonic() + seconds, 1 << 30, Visit(is_probe=False))


def test_no_byte_is_sent_or_taken_when_the_time_is_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server("127.0.0.1", listener.getsockname()[1], tls=False)
        connection = Connection(server, None, place_for(60))
        own, _address = listener.accept()
        with own:
            assert asked(connection, place_for(-1)) == "Timeout"
            own.settimeout(10)
            assert own.recv(1) == b""


def test_the_end_of_the_time_is_the_end_though_something_comes_at_each_moment() -> None:
    """What has come is taken in small pieces, and there is always another one."""
    told: list[str] = []
    with troubled("huge") as url:
        server = Server("127.0.0.1", int(url.rpartition(":")[2]), tls=False)
        connection = Connection(server, None, place_for(60))
        asking = threading.Thread(
            target=lambda: told.append(asked(connection, place_for(0.01))), daemon=True
        )
        asking.start()
        asking.join(60)
    assert told == ["Timeout"]

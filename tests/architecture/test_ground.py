"""The ground that the other tests stand on: this machine only, a clean start, real parts."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from accounts import conf
from accounts.http import CallFailed, Client, Upstreams
from accounts.models import Source, User
from tests.architecture.tree import ROOT
from tests.peers import spared
from tests.peers.commands import manage
from tests.peers.network import LeftTheMachine, is_here
from tests.peers.site import Site, demo_ports, environment


def test_a_fixture_that_does_nothing_for_a_test_is_not_run(request: pytest.FixtureRequest) -> None:
    run = {*request.node.fixturenames}
    assert {"_clean_start", "request"} <= run
    assert not run & spared.DOES_NOTHING_WITHOUT.keys()
    each = [*spared.DOES_NOTHING_WITHOUT]
    for fixture in each:  # a name that pytest-django gave up would spare nothing
        assert request._fixturemanager.getfixturedefs(fixture, request.node), fixture
    assert spared.needed(each, {"urls"}) == ["_django_set_urlconf"]
    assert spared.needed([*each, "live_server"], set()) == ["_live_server_helper", "live_server"]


@pytest.mark.django_db
def test_a_test_with_a_database_runs_what_gives_it(request: pytest.FixtureRequest) -> None:
    assert "_django_db_marker" in request.node.fixturenames


def test_a_foreign_address_is_not_called() -> None:
    with pytest.raises(LeftTheMachine):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_foreign_name_is_not_looked_up() -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("example.org", 80), timeout=1)


def test_libcurl_calls_no_foreign_address_and_looks_up_no_foreign_name() -> None:
    client = Client("test", Upstreams())
    with pytest.raises(LeftTheMachine):
        client.get("https://192.0.2.1/")
    with pytest.raises(CallFailed) as caught:
        client.get("https://example.org/")
    assert caught.value.kind == "gaierror"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "cms.localhost"])
def test_this_machine_is_called_by_any_of_its_names(host: str) -> None:
    assert is_here(host)


@pytest.mark.services
@pytest.mark.parametrize("attempt", ["first", "second"])
def test_a_test_finds_nothing_of_the_one_before_in_the_cache(attempt: str) -> None:
    assert cache.get("left-behind") is None
    cache.set("left-behind", attempt)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", ["first", "second"])
def test_a_test_finds_nothing_of_the_one_before_in_the_database(attempt: str) -> None:
    kept = {model.__name__ for model in apps.get_models() if model.objects.exists()}
    # The local source is made by a migration, the roles by `manage.py migrate`.
    assert kept == {"ContentType", "Group", "Permission", "Source"}
    User.objects.create_user(attempt)
    Source.objects.all().delete()
    assert User.objects.count() == 1


def test_a_test_that_runs_once_has_no_cache_and_no_setting_that_names_a_service() -> None:
    with pytest.raises(pytest.fail.Exception, match="services"):
        cache.get("anything")
    assert not hasattr(settings, "DATABASE_URL")
    assert not hasattr(settings, "REDIS_URL")


@pytest.mark.django_db
def test_a_test_with_a_database_runs_twice(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker("once")


def test_a_test_about_pages_is_in_chromium_and_has_no_row_of_its_own(
    request: pytest.FixtureRequest,
) -> None:
    for item in request.session.items:
        said = {each.name for each in item.iter_markers()}
        if "pages" in said:
            assert said >= {"browser", "once"}, item.nodeid
            assert said.isdisjoint({"django_db", "services"}), item.nodeid


def test_a_port_that_is_given_is_given_to_no_other_process() -> None:
    port = demo_ports()
    for each in range(port, port + 3):
        code = f"from tests.peers import site; site._reserve({each})"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        assert "Address already in use" in done.stderr


@pytest.mark.django_db
def test_sqlite_is_a_file_with_a_write_ahead_log() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            assert cursor.fetchone() == ("wal",)


def test_passwords_are_hashed_for_real_but_cheaply() -> None:
    assert conf.argon2()["memory_cost"] == 1024


@pytest.mark.slow
def test_the_real_site_starts_and_is_told_apart_from_ours(site: Callable[..., Site]) -> None:
    own = site({"VESTIBULE_NAME": "Town Hall"})
    with urlopen(f"{own.url}/healthz", timeout=5) as answer:
        assert answer.status == 200
    assert "portal.settings" in own.manage("diffsettings", "--all")
    assert own.process is not None
    process = own.process
    own.stop()
    assert process.poll() is not None


ENDINGS = {
    "import sys; print('said'); sys.exit(7)": (7, "said\n", ""),
    "import sys; sys.exit('gone')": (1, "", "gone\n"),
    "1 / 0": (1, "", "ZeroDivisionError: division by zero\n"),
    "import atexit, threading, time; atexit.register(print, 'at exit')\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()": (
        0, "thread\nat exit\n", "",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("code", ENDINGS)
def test_a_command_ends_as_a_process_of_its_own_does(code: str, tmp_path: Path) -> None:
    known = environment({"VESTIBULE_DATA": str(tmp_path), "TOLD": "yes"})
    done = manage(["shell", "--verbosity=0", "-c", code], known)
    status, said, complained = ENDINGS[code]
    assert (done.returncode, done.stdout) == (status, said)
    assert done.stderr.endswith(complained)
    asked = "import os; print(os.environ['TOLD'], input())"
    assert manage(["shell", "--verbosity=0", "-c", asked], known, "in").stdout == "yes in\n"


@pytest.mark.slow
def test_services_end_with_the_command_and_pass_on_its_status() -> None:
    command = ["tests/peers/with-services", "sh", "-c", "echo $DATABASE_URL $REDIS_URL; exit 7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 7, done.stderr
    for url in done.stdout.split():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.split(":")[-1].split("/")[0])), 1)

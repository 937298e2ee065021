"""What every test has: this machine and no other, a clean start, and the real site and browser."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connections
from django.dispatch import receiver
from django.test import TransactionTestCase
from django.utils import translation
from hypothesis import HealthCheck
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts import conf
from accounts.upstream.last_good import Registry
from tests.peers import database, network, once, patience, spared
from tests.peers.site import Site, environment, free_port, fresh_redis

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytest_plugins = ["tests.peers.soak"]

FLOORS = ("accounts", "providers", "portal")
FEW = 4
ARGON2_KIB = 1024  # real hashes, but of one MiB: the length of a hash is not what the tests test
# Of files, each of which stays in one process.
LONGEST = frozenset({
    "tests/http/test_rights_table.py", "tests/http/sandbox/test_demo.py",
    "tests/architecture/test_startprovider.py", "tests/http/oidc/test_real_site.py",
    "tests/http/test_front.py", "tests/http/test_front_workers.py",
    "tests/http/test_front_unfinished.py", "tests/http/gateway/test_short_way.py",
})  # fmt: skip
# What counts here of what Playwright switches off, as only the last such list is read; and what is
# drawn for an address bar that nobody sees: a third of what a page costs.
SWITCHED_OFF = [
    "AimEnabled", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "MediaRouter",
    "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch",
    "ThirdPartyStoragePartitioning", "WebUIOmniboxAimPopup", "WebUIOmniboxPopup",
]  # fmt: skip
CHROMIUM_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=" + ",".join(SWITCHED_OFF),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, "
    "EXCLUDE 127.0.0.1, EXCLUDE [::1]",
]
_numbers = itertools.count()
_looked_through: set[str] = set()
_kept: list[Registry[Any]] = []


def pytest_configure() -> None:
    """Lower the price of a password. It is read when a hash is made, so this is early enough."""
    settings.VESTIBULE_ARGON2 = {**settings.VESTIBULE_ARGON2, "memory_cost": ARGON2_KIB}
    # On a busy machine an example takes as long as it takes, and so does making one.
    patient = hypothesis.settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    hypothesis.settings.register_profile("patient", patient)
    hypothesis.settings.load_profile("patient")


@receiver(setting_changed)
def _read_settings_anew(**_: Any) -> None:
    conf.read_anew()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the database that all others of this run are copies of; all its processes share it."""
    beside = os.environ.get("DATABASE_URL", "")
    return database.migrated(_shared(tmp_path_factory) / "migrated", beside)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the migrated SQLite file, whatever the tests run on."""
    kept = "migrated-file" if "DATABASE_URL" in os.environ else "migrated"
    return database.migrated(_shared(tmp_path_factory) / kept, "")


def _shared(made: pytest.TempPathFactory) -> Path:
    folder = made.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Let Django find the copy of the migrated SQLite file, which goes with the run's folder."""
    return connections["default"].vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    migrated: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Begin with a copy of the migrated database.

    SQLite is a file, as on the embedded site: in memory it has no WAL and other locks.
    """
    own = connections["default"]
    if own.vendor == "sqlite":
        folder = tmp_path_factory.mktemp("database")
        database.copied(migrated, folder)
        own.settings_dict["TEST"]["NAME"] = str(folder / database.SQLITE)
    else:
        own.settings_dict["TEST"]["TEMPLATE"] = migrated


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Keep what each test with transactions of its own finds and leaves."""
    with django_db_blocker.unblock():
        database.remember("default")
        kept = database.kept_open("default")
    with kept:
        yield


@pytest.fixture(scope="session", autouse=True)
def _swept() -> Iterator[None]:
    """Bring the database back after a test with transactions of its own, and truncate nothing."""

    from tests.peers import fresh  # once the apps are ready

    def sweep(test: Any) -> None:
        fresh.delivered()  # what a thread of the test still posts is swept as well
        for alias in test._databases_names(include_mirrors=False):
            database.sweep(alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", sweep)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files() -> Iterator[None]:
    """Look for the static files once. WhiteNoise does at each start, and each client is one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(own: WhiteNoiseMiddleware) -> None:
        told = tuple(value for value in vars(own).values() if isinstance(value, str | int | None))
        if told not in found:
            others, own.files = own.files, {}
            look(own)
            found[told], own.files = own.files, others
        own.files |= found[told]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _signing_keys() -> Iterator[None]:
    """Make a few signing keys and hand them out by turns: to make one takes longer than most tests,
    of which hundreds begin without any.
    """
    from portal.authorization_server import keys  # once the apps are ready

    make, made = rsa.generate_private_key, dict[int, rsa.RSAPrivateKey]()
    turns = itertools.count()

    def by_turns(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
        if (public_exponent, key_size) != (65537, keys._RSA_BITS):
            return make(public_exponent, key_size)
        turn = next(turns) % FEW
        if turn not in made:
            made[turn] = make(public_exponent, key_size)
        return made[turn]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", by_turns)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    with network.stay_here():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for nothing that nobody holds any more while the tests are imported: all of it stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests need not run a second time, so that `-m "not once"` leaves them out; spare
    each the fixtures that do nothing for it; and let the longest begin, so that no process ends
    long after the others.
    """
    once.mark(items)
    spared.spare(items)
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in LONGEST)


def pytest_collection_finish() -> None:
    """Look less often for what nobody holds any more: what was imported and collected stays, and
    would be looked through each time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def _clean_start() -> None:
    """Forget what the process remembers: the caches, what it keeps of upstreams, and the language
    of the last request.
    """
    from tests.peers import fresh  # once the apps are ready

    translation.deactivate()
    fresh.caches()
    fresh.worker()
    network.forget_trouble()
    patience.hangs(False)
    for registry in _registries():
        registry.clear()


@pytest.fixture(autouse=True)
def _held_to_one_run(request: pytest.FixtureRequest, _clean_start: None) -> Iterator[None]:
    """Refuse a test that runs once all that it would have to run twice for."""
    marker = request.node.get_closest_marker
    held = marker("once") and not any(map(marker, ("desk", "rights", "wire")))
    with once.held_to_it() if held else nullcontext():
        yield


@pytest.fixture(autouse=True)
def _fast_path(request: pytest.FixtureRequest, _clean_start: None) -> Iterator[None]:
    """Let the front answer what it can, with `--fast-path`."""
    if not request.config.getoption("--fast-path"):
        yield
        return
    from tests.peers.fast_path import before_django  # once the apps are ready

    with before_django():
        yield


def _registries() -> Iterator[Registry[Any]]:
    """Yield what the loaded modules of the house keep of upstreams. Each is looked through once."""
    for name in sys.modules.keys() - _looked_through:
        _looked_through.add(name)
        if name.split(".")[0] in FLOORS:
            own = list(vars(sys.modules[name]).values())  # a thread may still import it
            _kept.extend(each for each in own if isinstance(each, Registry))
    yield from _kept


@pytest.fixture(scope="module")
def site(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Give `site(env=None, workers=1, threads=8, port=0)`, which starts the real site by granian.

    It has a database of its own, migrated and empty, on what `DATABASE_URL` names or in SQLite.
    `env` adds to its environment. All sites of a module end with it, or earlier by `stop()`.
    """
    with ExitStack() as stack:

        def started(
            env: Mapping[str, str] | None = None, workers: int = 1, threads: int = 8, port: int = 0
        ) -> Site:
            data = tmp_path_factory.mktemp("site")
            url = f"http://localhost:{port or free_port()}"
            beside = os.environ.get("DATABASE_URL", "")
            if not beside:
                database.copied(migrated, data)
            known = {
                "DATABASE_URL": stack.enter_context(database.fresh_database(beside, migrated)),
                "REDIS_URL": fresh_redis(os.environ.get("REDIS_URL", ""), next(_numbers)),
                "VESTIBULE_DATA": str(data),
                "VESTIBULE_SITE_URL": url,
                "VESTIBULE_ARGON2_MEMORY_KIB": str(ARGON2_KIB),
                **patience.VARIABLES,
                "VESTIBULE_THREADS": str(threads),
                "VESTIBULE_WORKERS": str(workers),
                **(env or {}),
            }
            own = Site(url, environment(known), workers, threads, Path(data, "output"))
            stack.callback(own.stop)
            own.start()
            return own

        yield started


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give the system's Chromium, headless, which finds no host but this machine.

    Playwright keeps an event loop in this thread while it runs, which Django takes for
    asynchronous code: hence a browser for each module, and the variable for as long as it lives.
    """
    from playwright.sync_api import expect, sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: tests/peers/install"
    expect.set_options(timeout=30_000)
    flags = [*CHROMIUM_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else CHROMIUM_FLAGS
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        opened = browser.new_context

        def patient(**options: Any) -> BrowserContext:
            context = opened(**options)
            context.set_default_timeout(60_000)
            return context

        patch.setattr(browser, "new_context", patient)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Give a page with cookies of its own. A script error or a breach of the CSP fails the test."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda said: "Content Security Policy" in said.text and complaints.append(said.text),
    )
    yield context.new_page()
    context.close()
    assert not complaints, "\n".join(complaints)

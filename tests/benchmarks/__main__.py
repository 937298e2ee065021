"""`make bench`: what an operation costs, as CPU of the server's processes, beside peers in one run.

Prints; judges nothing. Peers are the bare server (a WSGI function) and Django as it comes
(contrib.sessions in the database, contrib.auth), under the same granian on the same machine.
Arguments choose parts: `sessions`, `devices`, `passwords`, `gateway`, `logins`; without one these
are measured. `million` and `scale` are measured only when they are chosen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import django
from django.conf import settings

from tests.benchmarks import devices, gateway, logins
from tests.benchmarks.client import Browser
from tests.benchmarks.measuring import per_operation, report, report_all
from tests.benchmarks.processes import resident_mib
from tests.benchmarks.servers import Served, bare_server, stock_django
from tests.peers.database import fresh_database
from tests.peers.site import TUNED, Site, environment, free_port

PEOPLE, PASSWORD = "bench", "bench-password-of-some-length"
ROUNDS = 2000


def our_site(stack: ExitStack, more: Mapping[str, str] | None = None) -> tuple[Site, float]:
    """Return the running site and the seconds from its start to its first answer.

    `more` are variables beside those that every case has.
    """
    data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    url = f"http://localhost:{free_port()}"
    given = {
        "VESTIBULE_DATA": str(data),
        "VESTIBULE_SITE_URL": url,
        "VESTIBULE_LOG_LEVEL": "WARNING",
        "DATABASE_URL": stack.enter_context(fresh_database(os.environ.get("DATABASE_URL", ""))),
        "REDIS_URL": os.environ.get("REDIS_URL", ""),
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        **(more or {}),
    }
    site = Site(url, environment(given), 1, 8, data / "output")
    site.manage("migrate", "--verbosity=0")
    site.manage("shell", "--verbosity=0", stdin=_PERSON)
    began = time.monotonic()
    site.start()
    stack.callback(site.stop)
    return site, time.monotonic() - began


_PERSON = f"""
from accounts.models import User
User.objects.create_user({PEOPLE!r}, {PASSWORD!r}).give_local_identity()
"""


def sign_in(url: str) -> Browser:
    """Return a browser that is signed in with a password."""
    browser = Browser(url)
    browser.get("/auth/session")
    form = {"username": PEOPLE, "password": PASSWORD}
    body = urlencode({**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})
    status = browser.post("/auth/login/local", body)
    if status != 303:
        raise RuntimeError(f"sign-in answered {status}")
    return browser


def sessions(stack: ExitStack, site: Site, ours: Served) -> None:
    """Measure who asks who they are, and a page."""
    bare = stack.enter_context(bare_server())
    stock = stack.enter_context(stock_django(PEOPLE, PASSWORD))
    anonymous, person = Browser(site.url), sign_in(site.url)
    plain, theirs = Browser(bare.url), Browser(stock.url)
    theirs.get("/enter")
    cases = [
        ("bare granian: a constant", bare, lambda: plain.get("/")),
        ("ours: /auth/session, anonymous", ours, lambda: anonymous.get("/auth/session")),
        ("ours: /auth/session, signed in", ours, lambda: person.get("/auth/session")),
        ("Django as it comes: who am I, signed in", stock, lambda: theirs.get("/whoami")),
        ("ours: the choice of sources, a page", ours, lambda: anonymous.get("/login")),
    ]
    for label, served, operation in cases:
        report(label, per_operation(served, ROUNDS, operation))


def waiting(stack: ExitStack, site: Site, _ours: Served) -> None:
    """Measure the polls of devices."""
    slow, _start = our_site(stack, {"VESTIBULE_FAST_PATH": "0"})
    devices.measure(site, slow)


def passwords(stack: ExitStack, site: Site, ours: Served) -> None:
    """Measure sign-ins by password, beside the hash alone, and the memory that a worker has after
    many.
    """
    stock = stack.enter_context(stock_django(PEOPLE, PASSWORD))
    entering = Browser(stock.url)
    hashed, in_huge_pages = "Argon2id alone, 46 MiB", "Argon2id alone, in huge pages as ours"
    rounds: dict[str, list[float]] = {hashed: [], in_huge_pages: [], "ours: password sign-in": []}
    for _ in range(7):
        rounds[hashed].append(_hash_alone({}))
        rounds[in_huge_pages].append(_hash_alone(TUNED))
        sign_ins = per_operation(ours, 20, lambda: sign_in(site.url) and None)
        rounds["ours: password sign-in"].append(sign_ins)
    report_all({label: min(found) for label, found in rounds.items()}, hashed)
    report(
        "Django as it comes: password sign-in (100 MiB Argon2id)",
        per_operation(stock, 40, lambda: entering.get("/enter")),
    )
    for _ in range(1000 - 7 * 40):
        sign_in(site.url)
    report("resident memory of a worker after 1,000 sign-ins", resident_mib(ours.pid), "MiB")


def _hash_alone(variables: Mapping[str, str]) -> float:
    """Return what it takes to verify a password and nothing else, in a process with variables."""
    memory = str(settings.VESTIBULE_ARGON2["memory_cost"])
    command = [sys.executable, "-m", "tests.benchmarks.one_hash", "20", memory]
    env = {**os.environ, **variables}
    return float(subprocess.run(command, env=env, capture_output=True, check=True).stdout)


def asked(stack: ExitStack, site: Site, _ours: Served) -> None:
    """Measure the questions of web servers."""
    slow, _start = our_site(stack, {"VESTIBULE_FAST_PATH": "0"})
    gateway.measure(stack, site, slow, sign_in(site.url), sign_in(slow.url))


def many(stack: ExitStack, site: Site, _ours: Served) -> None:
    """Measure the questions of web servers with a million sessions."""
    sign_in(site.url)
    gateway.flat(stack, site)


PARTS = {
    "sessions": sessions,
    "devices": waiting,
    "passwords": passwords,
    "gateway": asked,
    "million": many,
}
# What takes long is measured only when it is asked for.
RARELY = {"million"}


def main(chosen: Sequence[str]) -> None:
    """Measure what is chosen, and print."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()  # commands for the site are run by a process that has loaded what we have
    kind = "PostgreSQL + Redis" if os.environ.get("DATABASE_URL") else "SQLite"
    wanted = chosen or PARTS.keys() - RARELY
    parts = [part for name, part in PARTS.items() if name in wanted]
    if parts:
        with ExitStack() as stack:
            site, start = our_site(stack)
            if site.process is None:
                raise RuntimeError("the site has ended")
            print(f"CPU of the server's processes per operation ({kind} for ours)")
            for part in parts:
                part(stack, site, Served(site.url, site.process.pid))
            report("start to first 200", start * 1000, "ms")
    if "scale" in chosen:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.scale"], check=True)
    if not chosen or "logins" in chosen:
        with ExitStack() as stack:
            print(f"CPU per complete OpenID login, median of {logins.ROUNDS} rounds")
            logins.measure(lambda more: our_site(stack, more)[0], report)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What the ended feed costs the database with many readers (docs/scale.md 6).

    tests/peers/with-services .venv/bin/python -m tests.benchmarks.readers [READERS]

Each reader is a thread with a connection of its own, and a feed as a worker has one, which is read
every half second; one more thread ends sessions at a given rate. Counted is the CPU of all of
PostgreSQL's processes, that of Redis, and how often the table was asked.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.processes import cpu_seconds
from tests.peers.database import fresh_database

READERS, SECONDS, BEGIN = 200, 20.0, 5.0
# Endings a second, without the mark and with it.
RATES = (0.0, 0.2, 1.0, 20.0)
CASES = [(mark, rate) for mark in (False, True) for rate in RATES]


def main(readers: int) -> None:
    """Measure each case, and print."""
    with (
        tempfile.TemporaryDirectory() as data,
        fresh_database(os.environ["DATABASE_URL"]) as own,
    ):
        os.environ |= {"VESTIBULE_DATA": data, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        os.environ["DATABASE_URL"] = own
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        print(f"{readers} readers of the ended feed, each twice a second")
        print("  mark  endings/s   looks/s   asked/s   PostgreSQL   Redis   (CPU, of one core)")
        for mark, rate in CASES:
            _measure(readers, mark, rate)


def _measure(readers: int, mark: bool, rate: float) -> None:
    from django.conf import settings

    settings.VESTIBULE_FEED_MARK = mark
    over = threading.Event()
    asked: list[list[float]] = [[] for _ in range(readers)]
    threads = [threading.Thread(target=_read, args=(over, each, n / readers / 2))
               for n, each in enumerate(asked)]  # fmt: skip
    threads.append(threading.Thread(target=_end, args=(over, rate)))
    for each in threads:
        each.start()
    time.sleep(BEGIN)
    database, redis = _pids()
    began, before, held = time.monotonic(), sum(map(cpu_seconds, database)), cpu_seconds(redis)
    time.sleep(SECONDS)
    took = time.monotonic() - began
    spent, kept = sum(map(cpu_seconds, database)) - before, cpu_seconds(redis) - held
    over.set()
    for each in threads:
        each.join()
    looks = sum(1 for one in asked for at in one if began <= abs(at) <= began + took)
    table = sum(1 for one in asked for at in one if began <= at <= began + took)
    print(
        f"  {'yes' if mark else 'no':<6}{rate:>9.1f}{looks / took:>10.0f}{table / took:>10.0f}"
        f"{spent / took:>12.1%}{kept / took:>9.1%}",
        flush=True,
    )


def _read(over: threading.Event, asked: list[float], late: float) -> None:
    """Read a feed every half second; note each moment, below zero where the table was spared."""
    from django.db import connection

    from accounts import ended

    feed = ended.Feed()
    time.sleep(late)
    while not over.wait(ended.FRESH_SECONDS):
        known = feed._asked_at
        feed.refreshed()
        now = time.monotonic()
        asked.append(now if feed._asked_at != known else -now)
    connection.close()


def _end(over: threading.Event, rate: float) -> None:
    from django.db import connection, transaction

    from accounts import ended

    number = 0
    while rate and not over.wait(1 / rate):
        number += 1
        with transaction.atomic():
            ended.announce("session", [f"{rate}-{number}"])
    connection.close()


def _pids() -> tuple[list[int], int]:
    """Return the process of PostgreSQL that is the others' parent, and that of Redis."""
    import redis
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    port = urlsplit(os.environ["REDIS_URL"]).port
    pid = client.info("server")["process_id"]
    if client.info("server")["tcp_port"] != port:
        raise RuntimeError("this is another Redis")
    stat = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    return [int(stat[1])], pid


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else READERS)

"""The threads of a worker (portal/server/hands.py)."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from queue import SimpleQueue

from portal.server.hands import Hands


def test_each_job_is_done_once_whoever_gives_it() -> None:
    done: Counter[int] = Counter()
    finished = threading.Semaphore(0)

    def work(job: int) -> None:
        done[job] += 1
        finished.release()

    hands = Hands(4)
    hands.start()
    givers = [
        threading.Thread(
            target=lambda n=n: [hands.give(partial(work, n * 500 + each)) for each in range(500)]
        )
        for n in range(4)
    ]
    for giver in givers:
        giver.start()
    for _ in range(2000):
        assert finished.acquire(timeout=60)
    assert done == Counter(range(2000))


def test_the_thread_that_rested_last_goes_first() -> None:
    names: SimpleQueue[str] = SimpleQueue()
    hands = Hands(8)
    hands.start()
    seen = set()
    for _ in range(50):
        hands.give(lambda: names.put(threading.current_thread().name))
        seen.add(names.get(timeout=60))
        while len(hands._resting) < 8:
            threading.Event().wait(0.001)
    assert len(seen) <= 2, "the first job may come before all threads are there"


def test_jobs_that_find_no_thread_wait_in_their_order() -> None:
    done: SimpleQueue[int] = SimpleQueue()
    go = threading.Event()

    def work(job: int) -> None:
        go.wait(60)
        done.put(job)

    hands = Hands(1)
    for job in range(20):
        hands.give(partial(work, job))
    hands.start()
    go.set()
    assert [done.get(timeout=60) for _ in range(20)] == list(range(20))

"""Tasks that begin at the same moment, each in a thread and with a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

from django.db import connections
from django.test import Client as Browser


def at_once(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    """Return what each task returned, in their order."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], Any]) -> Any:
        try:
            barrier.wait(30)
            return task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def window(browser: Browser) -> Browser:
    """Return another window of a browser: it has the same cookies, and keeps its own."""
    own = Browser()
    own.cookies = copy(browser.cookies)
    return own

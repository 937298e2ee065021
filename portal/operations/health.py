"""Health: alive, and ready for work."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from time import monotonic

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts import cache
from accounts.models import EndedEntry

WITHIN = 1.5  # seconds
log = structlog.get_logger("vestibule.health")


@login_not_required
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """Answer that the process runs. Asks nobody."""
    return JsonResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer within 2 s whether database and cache can be used, which is tried by writing: 200, or
    503 naming the one that cannot.
    """
    deadline = monotonic() + WITHIN
    probes = {name: _probe(name) for name in _PROBES}
    parts = {name: _works(probe, deadline - monotonic()) for name, probe in probes.items()}
    status = 200 if all(parts.values()) else 503
    body = {name: "ok" if works else "unavailable" for name, works in parts.items()}
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _database() -> None:
    """Commit something and leave nothing behind, by a connection of its own."""
    try:
        with transaction.atomic():
            EndedEntry.objects.create(kind="health", value="").delete()
    finally:
        connections.close_all()


def _cache() -> None:
    cache.shared.set("health", 1, 10)
    if cache.shared.get("health") != 1:
        raise RuntimeError("the cache forgot what it was given")


_PROBES: dict[str, Callable[[], None]] = {"database": _database, "cache": _cache}
_under_way: dict[str, Future[None]] = {}


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(len(_PROBES), thread_name_prefix="health")


def _probe(name: str) -> Future[None]:
    """Return the probe that is under way, else a new one: so those that hang do not pile up."""
    probe = _under_way.get(name)
    if probe is None or probe.done():
        probe = _under_way[name] = _threads().submit(_PROBES[name])
    return probe


def _works(probe: Future[None], seconds: float) -> bool:
    try:
        probe.result(max(0.0, seconds))
    except Exception:  # whatever the driver raises is the answer, and so is silence
        log.warning("health.unavailable", exc_info=True)
        return False
    return True

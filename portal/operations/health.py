"""Health: alive, and ready for work."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from time import monotonic
from typing import Any

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts import cache
from accounts.cache import reasons
from accounts.models import EndedEntry, Source
from accounts.source import catalogue, outage

WITHIN = 1.5  # seconds
OK = "ok"
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
    503 naming the one that cannot. How the sources are is told as far as it is known; nobody is
    asked, and a source in trouble keeps nobody from signing in by another.
    """
    deadline = monotonic() + WITHIN
    probes = {name: _probe(name) for name in _PROBES}
    parts = {name: _outcome(name, each, deadline - monotonic()) for name, each in probes.items()}
    sources = parts.pop("sources")
    ready = all(word == OK for word in parts.values())
    body = {**parts, "sources": sources if isinstance(sources, dict) else {}}
    status = 200 if ready else 503
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _database() -> str:
    """Commit something and leave nothing behind, by a connection of its own."""
    try:
        with transaction.atomic():
            EndedEntry.objects.create(kind="health", value="").delete()
    finally:
        connections.close_all()
    return OK


def _cache() -> str:
    cache.shared.set("health", 1, 10)
    if cache.shared.get("health") != 1:
        raise RuntimeError("the cache forgot what it was given")
    return OK


def _sources() -> dict[str, str]:
    """Return how each enabled source is: `ok`, in `trouble` within the last five minutes, or
    `unreadable`, because its settings, or a secret among them, cannot be read.
    """
    try:
        rows = list(Source.objects.filter(enabled=True))
        found = {row.slug: OK if catalogue.is_readable(row) else "unreadable" for row in rows}
    finally:
        connections.close_all()
    return {**found, **{slug: "trouble" for slug in outage.since(found) if found[slug] == OK}}


_PROBES: dict[str, Callable[[], Any]] = {
    "database": _database,
    "cache": _cache,
    "sources": _sources,
}
_under_way: dict[str, Future[Any]] = {}


def _probe(name: str) -> Future[Any]:
    """Return the probe that is under way, else a new one: so those that hang do not pile up. It
    has failed where the machine starts no thread.
    """
    probe = _under_way.get(name)
    if probe is None or probe.done():
        probe = _under_way[name] = Future()
        try:
            Thread(target=_run, args=(name, probe), name=f"health-{name}", daemon=True).start()
        except RuntimeError as error:
            probe.set_exception(error)
    return probe


def _run(name: str, probe: Future[Any]) -> None:
    try:
        probe.set_result(_PROBES[name]())
    except Exception as error:  # noqa: BLE001  # told by `_outcome`
        probe.set_exception(error)


def _outcome(name: str, probe: Future[Any], seconds: float) -> Any:
    try:
        return probe.result(max(0.0, seconds))
    except Exception as error:  # noqa: BLE001  # the answer, and so is silence
        kind, why = type(error).__name__, reasons.of(error)
        log.warning("health.unavailable", part=name, error=kind, why=why)
        return "unavailable"

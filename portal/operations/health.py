"""Health: alive, and ready for work."""

from collections.abc import Callable

import structlog
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts import cache

log = structlog.get_logger("vestibule.health")


@login_not_required
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """Answer that the process runs. Asks nobody."""
    return JsonResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


@login_not_required
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer whether database and cache can be used: 200, or 503 naming the one that cannot."""
    parts = {"database": _works(_database), "cache": _works(_cache)}
    status = 200 if all(parts.values()) else 503
    body = {name: "ok" if works else "unavailable" for name, works in parts.items()}
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


def _works(test: Callable[[], None]) -> bool:
    try:
        test()
    except Exception:  # whatever the driver raises is the answer
        log.warning("health.unavailable", exc_info=True)
        return False
    return True


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _cache() -> None:
    cache.shared.set("health", 1, 10)
    if cache.shared.get("health") != 1:
        raise RuntimeError("the cache forgot what it was given")

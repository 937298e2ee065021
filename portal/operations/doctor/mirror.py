"""`/doctor`: how a request has arrived, told to whoever holds the site's own key, nobody else.

The doctor signs its question with `VESTIBULE_SECRET_KEY`; it counts for a minute. So a proxy can be
put to the test by its public address, and no stranger learns what it lets through.
"""

import os
from pathlib import Path
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts import cache
from accounts.keyring import key_ids
from portal import conf

PATH = "/doctor"
SALT = "vestibule.doctor"
SECONDS = 60
# Nobody's address (RFC 5737, 3), and what else a caller may say of where they come from.
FORGED_ADDRESS = "203.0.113.7"
FORGED = {
    "X-Forwarded-For": FORGED_ADDRESS,
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "forged.example",
    "X-Forwarded-Port": "7",
    "X-Forwarded-Prefix": "/forged",
    "X-Original-URL": "/forged",
    "X-Real-IP": FORGED_ADDRESS,
    "Forwarded": f"for={FORGED_ADDRESS};host=forged.example",
}
_PREFIXES = ("HTTP_X_FORWARDED_", "HTTP_X_ORIGINAL_", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


def token(nonce: str) -> str:
    """Return what proves that the site's key is known here."""
    return signing.dumps(nonce, salt=SALT)


def cache_key(nonce: str) -> str:
    """Return where in the cache the doctor leaves something for the site to find."""
    return f"doctor:{nonce}"


@login_not_required
@require_safe
def doctor(request: HttpRequest) -> JsonResponse:
    """Answer how the request has arrived, and how this worker runs. Raises `Http404` for everybody
    who does not know the site's key.
    """
    kind, _, proof = request.headers.get("Authorization", "").partition(" ")
    try:
        nonce = signing.loads(proof if kind == "Bearer" else "", salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        raise Http404 from None
    arrived = {
        "address": request.META.get("REMOTE_ADDR", ""),
        "scheme": request.scheme,
        "host": request.get_host(),
        "forwarded": {k: v for k, v in request.META.items() if k.startswith(_PREFIXES)},
    }
    found = cache.shared.get(cache_key(nonce))
    runs = {"workers": _workers(), "database": _database(), "cache": found == nonce}
    runs["keys"] = key_ids()
    return JsonResponse({**arrived, **runs}, headers={"Cache-Control": "no-store"})


def _workers() -> dict[str, Any]:
    """Return what the server is that has started this worker, and how many it has."""
    parent = os.getppid()
    try:
        command = Path(f"/proc/{parent}/cmdline").read_bytes().decode().split("\0")
    except (OSError, ValueError):
        command = []
    stats = [path for path in Path("/proc").glob("[0-9]*/stat") if _parent(path) == parent]
    return {
        "configured": conf.workers(),
        "running": len(stats),
        "served": any("granian" in word for word in command),
        "respawn": "--respawn-failed-workers" in command,
        "kill": any(word.startswith("--workers-kill-timeout") for word in command),
        "takes": any(word.startswith("--backpressure") for word in command),
        "websockets": "--no-ws" not in command,
    }


def _parent(path: Path) -> int:
    try:
        return int(path.read_text().rpartition(")")[2].split()[1])  # proc(5), stat, field 4
    except (OSError, ValueError, IndexError):
        return 0


def _database() -> dict[str, str] | None:
    """Return the time-outs of this worker's connection, as the server has them; None where it does
    not answer this worker.
    """
    if connection.vendor != "postgresql":
        return {}
    names = ("statement_timeout", "lock_timeout")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting(%s), current_setting(%s)", names)
            return dict(zip(names, map(str, cursor.fetchone() or ()), strict=False))
    except (DatabaseError, InterfaceError):
        return None

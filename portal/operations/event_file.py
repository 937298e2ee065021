"""Events as JSON lines (one JSON object a line), for other tools."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet

from accounts.models import Event
from accounts.trail.steps import read

_AT_ONCE = 500
_CODE = re.compile(r"\A\s*([A-Za-z0-9]{4})[\s-]?([A-Za-z0-9]{4})\s*\Z")


def support_code(term: str) -> str:
    """Return the support code that somebody has read out, as it is kept; nothing if it is none."""
    code = _CODE.match(term)
    return f"{code[1]}-{code[2]}".upper() if code else ""


def lines(rows: QuerySet[Event]) -> Iterator[str]:
    """Yield each event as one line of JSON. People are named by their public id alone."""
    chosen = rows.select_related("user", "by")
    for event in chosen.iterator(chunk_size=_AT_ONCE):
        yield json.dumps(_plain(event), ensure_ascii=False) + "\n"


def _plain(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(timespec="milliseconds"),
        "name": event.name,
        "support_code": event.support_code,
        "reason": event.reason,
        "source": event.source,
        "type": event.session_type,
        "person": event.user.uid if event.user else None,
        "session": event.session_uid,
        "address": event.address,
        "detail": event.detail,
        "actor": event.actor,
        "operator": event.by.uid if event.by and event.actor == "administrator" else None,
        "count": event.count,
        "last_at": event.last_at.isoformat(timespec="milliseconds"),
        "steps": [asdict(step) for step in read(event.steps)],
    }

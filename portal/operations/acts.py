"""What an administrator writes on a page is an event, and no line of Django's own log.

That log keeps the name of what was written for as long as the table is there, also of people who
were deleted since. An event forgets them with their account (docs/architecture.md 5).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.http import Http404, HttpRequest

from accounts import events
from accounts.models import Event

CREATED, CHANGED, DELETED = "created", "changed", "deleted"
# What events call a row, by its table; any other is a record.
_WORDS = {"accounts.user": "person", "operations.awaitingperson": "person", "auth.group": "role"}


def log_addition(page: Any, request: HttpRequest, row: Any, message: Any) -> None:
    """Record that a row was added."""
    _record(page, CREATED, [row])


def log_change(page: Any, request: HttpRequest, row: Any, message: Any) -> None:
    """Record which fields of a row were changed, if any."""
    if fields := _fields(message):
        _record(page, CHANGED, [row], ", ".join(fields))


def log_deletions(page: Any, request: HttpRequest, rows: Iterable[Any]) -> None:
    """Record that rows are about to be deleted, in the transaction that does it."""
    _record(page, DELETED, rows)


def history_view(page: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
    """Raise `Http404`: what happened stands among the events."""
    raise Http404


# What the pages of the administration have in the place of Django's own.
IN_PLACE: dict[str, Callable[..., Any]] = {
    "log_addition": log_addition,
    "log_change": log_change,
    "log_deletions": log_deletions,
    "history_view": history_view,
}


@wraps(delete_selected)
def delete_whole(page: Any, request: HttpRequest, rows: Any) -> Any:
    """Delete several rows, or none of them and record nothing."""
    with transaction.atomic():
        return delete_selected(page, request, rows)


def clear_former() -> int:
    """Delete what a worker of a version before this one has still written to Django's log."""
    return LogEntry.objects.all().delete()[0]


def _record(page: Any, what: str, rows: Iterable[Any], fields: str = "") -> None:
    """Write an event for each row, unless the page `writes_events` that say more."""
    if not getattr(page, "writes_events", False):
        events.record(*(_event(what, row, fields) for row in rows))


def _event(what: str, row: Any, fields: str) -> Event:
    label = row._meta.label_lower
    word = _WORDS.get(label, "record")
    if word == "person":
        return events.event(f"person.{what}", user_id=row.pk, detail=fields)
    which = f'"{row.name}"' if word == "role" else f"{label} {row.pk}"
    detail = f"{which}: {fields}" if fields else which
    return events.event(f"{word}.{what}", user_id=getattr(row, "user_id", None), detail=detail)


def _fields(message: Any) -> list[str]:
    """Return the names of changed fields, of a message that Django makes of a form."""
    told = [each.get("changed", {}) for each in message] if isinstance(message, list) else []
    return [str(name) for each in told for name in each.get("fields", ())]

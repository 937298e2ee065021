"""What the admin's pages have in common."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts import events
from accounts.models import StoredSession
from portal.door import incoming

PER_PAGE = 50  # settings.DATA_UPLOAD_MAX_NUMBER_FIELDS counts each ticked row


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that people look at; nothing is added or changed by hand."""

    list_per_page = PER_PAGE
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False


def record_ended(request: HttpRequest, rows: list[StoredSession]) -> None:
    """Write an event for each session that an administrator has ended."""
    events.record_ended(rows, f"by the administrator {request.user.pk}", incoming.visit(request))

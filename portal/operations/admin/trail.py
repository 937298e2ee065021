"""What happened, and which logouts and mails have not reached their server yet."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import outbox
from accounts.models import Event, OutboxItem
from portal.operations.admin.common import ReadOnly

_CODE = re.compile(r"\A\s*([A-Za-z0-9]{4})[\s-]?([A-Za-z0-9]{4})\s*\Z")


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The audit trail: nobody adds to it by hand, and nobody takes from it."""

    fields = (
        "at", "name", "support_code", "reason", "source", "session_type", "user",
        "session_uid", "address", "detail",
    )  # fmt: skip
    list_display = ("at", "name", "reason", "source", "user", "support_code", "address")
    list_filter = ("at", "name", "reason", "source")
    list_select_related = ("user",)
    search_fields = ("=support_code", "=session_uid", "user__username", "user__name")
    search_help_text = _("A support code, a session's id, or the person's username or name.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one; time does (`manage.py clear_expired`)."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Find a support code however it was read out on the telephone."""
        code = _CODE.match(search_term)
        if code:
            found = queryset.filter(support_code=f"{code[1]}-{code[2]}".upper())
            if found.exists():
                return found, False
        return super().get_search_results(request, queryset, search_term)


@admin.register(OutboxItem)
class OutboxAdmin(ReadOnly):
    """Pending logouts and mails: tried again by hand, or given up."""

    fields = ("kind", "source", "support_code", "attempts", "created_at", "next_at", "give_up_at")
    list_display = fields
    list_filter = ("kind", "source")
    search_fields = ("=support_code",)
    ordering = ("next_at",)
    actions = ("try_now",)

    @admin.action(description=_("Try now"), permissions=["delete"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[OutboxItem]) -> None:
        """Deliver the selected items at once, and say how many have gone."""
        chosen = list(queryset.values_list("pk", flat=True))
        # Before all others that are due, so that the limit below covers these.
        first = timezone.now() - timedelta(days=1)
        OutboxItem.objects.filter(pk__in=chosen).update(next_at=first)
        outbox.deliver_due(limit=len(chosen))
        left = OutboxItem.objects.filter(pk__in=chosen).count()
        counts = {"gone": len(chosen) - left, "left": left}
        said = gettext("No longer pending: %(gone)d. Still pending: %(left)d.") % counts
        self.message_user(request, said, messages.WARNING if left else messages.SUCCESS)

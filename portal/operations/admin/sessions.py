"""Sessions: looked up, and ended through the store."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import StoredSession
from accounts.session import people
from portal.operations.admin.common import ReadOnly, record_ended


@admin.register(StoredSession)
class SessionAdmin(ReadOnly):
    """A list to read and to end sessions from. It knows a session by its uid, never by its key."""

    list_display = (
        "user", "type", "source", "kind", "last_seen_at", "created_at", "ends_at",
        "address", "user_agent", "uid",
    )  # fmt: skip
    list_display_links = None
    list_filter = ("type", "source", "kind")
    list_select_related = ("user",)
    search_fields = ("=uid", "user__username", "user__name", "user__email")
    search_help_text = _("The session's id, or the person's username, name or e-mail address.")
    ordering = ("-last_seen_at",)
    actions = ("end_sessions",)

    def get_urls(self) -> list[URLPattern]:
        """Serve the list alone: the other pages would carry the key in their address."""
        return [
            each for each in super().get_urls() if each.name == "accounts_storedsession_changelist"
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StoredSession]:
        """Return the sessions without what is sealed in them."""
        rows: QuerySet[StoredSession] = super().get_queryset(request)
        return rows.defer("session_data").exclude(user=None)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the way through the store, which asks for the same permission, and no other."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="")
    def action_checkbox(self, obj: StoredSession) -> SafeString:
        """Return the row's tick box, which posts the uid."""
        label = gettext("Select the session %s") % obj.uid
        box = forms.CheckboxInput({"class": "action-select", "aria-label": label}, lambda _: False)
        return box.render(ACTION_CHECKBOX_NAME, obj.uid)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[StoredSession], *args: Any
    ) -> HttpResponse | None:
        """Turn the posted uids into what Django looks for."""
        posted = request.POST.copy()
        chosen = queryset.filter(uid__in=posted.getlist(ACTION_CHECKBOX_NAME))
        posted.setlist(ACTION_CHECKBOX_NAME, list(chosen.values_list("pk", flat=True)))
        request.POST = posted  # type: ignore[assignment]
        return super().response_action(request, queryset, *args)

    @admin.action(description=_("End the selected sessions"), permissions=["delete"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[StoredSession]) -> None:
        """End sessions with the devices under them, and say how many."""
        count = self._end(request, queryset)
        said = ngettext("%d session has ended.", "%d sessions have ended.", count) % count
        self.message_user(request, said, messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: StoredSession) -> None:
        """End the session; a row is never just deleted."""
        self._end(request, StoredSession.objects.filter(uid=obj.uid))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[StoredSession]) -> None:
        """End the sessions; rows are never just deleted."""
        self._end(request, queryset)

    def _end(self, request: HttpRequest, queryset: QuerySet[StoredSession]) -> int:
        with transaction.atomic():
            rows = people.end_with_children(queryset)
            record_ended(request, rows)
        return len(rows)

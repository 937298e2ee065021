"""What is looked up: sessions, ended through the store; what happened; what is still pending."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import events, outbox
from accounts.models import OutboxItem, StoredSession, User
from accounts.session import farewell, people
from accounts.source import catalogue
from portal.door import incoming
from portal.door.lists import BoundedList, SourceFilter, TypeFilter, beginning, column, is_id
from portal.door.user_agents import device_name
from portal.operations.admin import links
from portal.operations.moments import minute
from portal.operations.rights import may_sign_out

# How many sessions end in one transaction, and at one click.
AT_ONCE, MOST_ENDED = 500, 2000
PER_PAGE = 50  # settings.DATA_UPLOAD_MAX_NUMBER_FIELDS counts each ticked row

# Whoever tries pending items waits for so many seconds at most.
_PATIENCE = 20.0


class ReadOnly(BoundedList):
    """Rows that people look at; nothing is added or changed by hand."""

    list_per_page = PER_PAGE
    actions: Any = ("delete_selected",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False


def record_ended(request: HttpRequest, rows: list[StoredSession]) -> None:
    """Write an event for each session that an administrator has ended."""
    events.record_ended(rows, "by an administrator", incoming.visit(request))


@admin.register(StoredSession)
class SessionAdmin(ReadOnly):
    """A list to read and to end sessions from. It knows a session by its uid, never by its key."""

    writes_events = True
    list_display = (
        column("user", _("Person")), "device", "came_by", "seen", "began", "ends", "address",
        "short_uid",
    )  # fmt: skip
    list_display_links = None
    list_filter = (("type", TypeFilter), ("source", SourceFilter), "kind")
    list_select_related = ("user",)
    search_fields = ("uid",)  # `found` looks
    search_help_text = _("The session's id, or the person's username, name or e-mail address.")
    ordering = ("-last_seen_at",)
    settles_ties = False  # it has microseconds, and a second column tempts SQLite to sort all
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

    def found(
        self, rows: QuerySet[StoredSession], term: str, request: HttpRequest
    ) -> QuerySet[StoredSession]:
        """Return the session of this id, or the sessions of the people who are meant."""
        by_id = rows.filter(beginning("uid", term)) if is_id(term) else rows.none()
        return by_id if by_id.exists() else super().found(rows, term, request)

    @admin.display(description=_("Device"), ordering="user_agent")
    def device(self, obj: StoredSession) -> str:
        """Return the device as people call it; of an application its name."""
        name = device_name(obj.user_agent)
        return f"{obj.label} ({name})" if obj.label else name

    @admin.display(description=_("Signed in by"), ordering="source")
    def came_by(self, obj: StoredSession) -> str:
        """Return the source, by the name that people read."""
        known = catalogue.find(obj.source)
        return known.label if known else obj.source

    @admin.display(description=_("Last seen"), ordering="last_seen_at")
    def seen(self, obj: StoredSession) -> str:
        """Return when it was used last."""
        return minute(obj.last_seen_at)

    @admin.display(description=_("Since"), ordering="created_at")
    def began(self, obj: StoredSession) -> str:
        """Return when it began."""
        return minute(obj.created_at)

    @admin.display(description=_("Ends at the latest"), ordering="ends_at")
    def ends(self, obj: StoredSession) -> str:
        """Return when it ends whatever happens."""
        return minute(obj.ends_at)

    @admin.display(description=_("Id"), ordering="uid")
    def short_uid(self, obj: StoredSession) -> SafeString:
        """Return the public id, which a narrow column breaks."""
        return format_html('<code class="uid">{}</code>', obj.uid)

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
        """End sessions with the devices under them, so many in a transaction and no more than one
        request can, and say how many, and whose were left.
        """
        count = 0
        kept = _who_stay(request.user, queryset)
        left = queryset.exclude(user__in=[each.pk for each in kept])
        uids = list(left.values_list("uid", flat=True)[: MOST_ENDED + 1])
        for begun in range(0, min(len(uids), MOST_ENDED), AT_ONCE):
            some = uids[begun : min(begun + AT_ONCE, MOST_ENDED)]
            with transaction.atomic():
                chosen = StoredSession.objects.filter(uid__in=some)
                people.end_waiting(chosen.values("user_id"))
                rows = people.end_with_children(chosen, farewell.ADMINISTRATOR)
                record_ended(request, rows)
            count += len(rows)
        if len(uids) > MOST_ENDED:
            self.message_user(
                request, _("There are more. End them in the same way."), messages.WARNING
            )
        if kept:
            said = gettext("You may not end the sessions of these: %s") % links.some(kept)
            self.message_user(request, said, messages.WARNING)
        said = ngettext("%d session has ended.", "%d sessions have ended.", count) % count
        self.message_user(request, said, messages.SUCCESS)


def _who_stay(actor: Any, rows: QuerySet[StoredSession]) -> list[User]:
    """Return those among the people of `rows` whose sessions `actor` may not end."""
    staff = User.objects.filter(Q(is_staff=True) | Q(is_superuser=True)).order_by("username_key")
    meant = staff.filter(pk__in=rows.order_by().values("user_id"))
    return [each for each in meant if not may_sign_out(actor, each)]


@admin.register(OutboxItem)
class OutboxAdmin(ReadOnly):
    """Pending logouts and mails: tried again by hand, or given up."""

    fields = ("kind", "source", "support_code", "attempts", "created_at", "next_at", "give_up_at")
    list_display = ("kind", "source", "attempts", "due", "lapses", "support_code")
    list_filter = ("kind", "source")
    search_fields = ("support_code",)
    ordering = ("next_at",)
    actions = ("delete_selected", "try_now")

    def found(
        self, rows: QuerySet[OutboxItem], term: str, request: HttpRequest
    ) -> QuerySet[OutboxItem]:
        """Return what belongs to a support code."""
        return rows.filter(support_code=term.upper())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave it to all rights to give up what tells somebody of something: a mail, which may be
        about what this very operator did to an account, or a notice to an application.
        """
        permitted = super().has_delete_permission(request, obj)
        tells = obj is not None and obj.kind != OutboxItem.Kind.LOGOUT
        return permitted and (bool(request.user.is_superuser) or not tells)

    @admin.display(description=_("Next attempt"), ordering="next_at")
    def due(self, obj: OutboxItem) -> str:
        """Return when it is tried next."""
        return minute(obj.next_at)

    @admin.display(description=_("Given up at"), ordering="give_up_at")
    def lapses(self, obj: OutboxItem) -> str:
        """Return when it is given up."""
        return minute(obj.give_up_at)

    @admin.action(description=_("Try now"), permissions=["delete"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[OutboxItem]) -> None:
        """Deliver the selected items at once, and say how many have gone."""
        chosen = list(queryset.values_list("pk", flat=True))
        outbox.deliver_these(chosen, _PATIENCE)
        left = OutboxItem.objects.filter(pk__in=chosen).count()
        counts = {"gone": len(chosen) - left, "left": left}
        said = gettext("No longer pending: %(gone)d. Still pending: %(left)d.") % counts
        self.message_user(request, said, messages.WARNING if left else messages.SUCCESS)

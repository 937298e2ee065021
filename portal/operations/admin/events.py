"""What happened: the trail as a list, and each support code as a story with its pictures."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import events
from accounts.models import Event
from portal.door import event_words as words
from portal.door.lists import SourceFilter, WordFilter, beginning, is_id, persons
from portal.operations import event_file
from portal.operations.admin.records import ReadOnly
from portal.operations.moments import minute
from portal.operations.story import flowchart, reading, sequence


class NameFilter(WordFilter):
    """Filters by what happened."""

    words = words.EVENTS


class ReasonFilter(WordFilter):
    """Filters by the reason."""

    words = words.REASONS
    usual = ""


class ActorFilter(WordFilter):
    """Filters by who did it."""

    words = dict(Event.Actor.choices)
    usual = str(Event.Actor.PERSON)


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The audit trail: nobody adds to it by hand, and nobody takes from it."""

    change_form_template = "operations/event.html"
    fields = ("at", "what", "person", "session_uid", "source", "session_type", "address", "detail")
    readonly_fields = ("what", "person")
    list_display = ("what", "moment", "person", "source", "code", "done_by", "address")
    list_filter = (
        "at", ("name", NameFilter), ("reason", ReasonFilter), ("source", SourceFilter),
        ("actor", ActorFilter),
    )  # fmt: skip
    linked_lookups = ("user__id__exact",)  # by the page of a person
    list_select_related = ("user", "by")
    search_fields = ("support_code",)  # `found` looks
    search_help_text = _(
        "A support code, a person or an operator by name or e-mail address, a source, an address "
        "(192.0.2.7) or a session's id."
    )
    actions = ("export",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one; time does (`manage.py clear_expired`)."""
        return False

    def found(self, rows: QuerySet[Event], term: str, request: HttpRequest) -> QuerySet[Event]:
        """Return the events of what `term` is: a support code, however it was read out on the
        telephone, a session, an address, a source, or else people, as they are or as operators.
        """
        for known in _exactly(term):
            found = rows.filter(known)
            if found.exists():
                return found
        meant = persons(term, request)
        return rows.filter(Q(user_id__in=meant) | Q(by_id__in=meant))

    # --- The columns ------------------------------------------------------------------------------

    @admin.display(description=_("What happened"), ordering="name")
    def what(self, event: Event) -> SafeString:
        """Return the event in words, with its reason and how often it was repeated."""
        said = format_html("{}", words.of_event(event.name))
        if event.count > 1:
            times = ngettext("%d time", "%d times", event.count) % event.count
            said = format_html("{} ({})", said, times)
        if not event.reason:
            return said
        return format_html(
            '{}<br><span class="mini">{} (<code>{}</code>)</span>',
            said,
            words.of_reason(event.reason),
            event.reason,
        )

    @admin.display(description=_("When"), ordering="at")
    def moment(self, event: Event) -> str:
        """Return when it happened; of what is counted the last time."""
        return minute(event.last_at if event.count > 1 else event.at)

    @admin.display(description=_("Person"), ordering="user")
    def person(self, event: Event) -> str:
        """Return whom it is about."""
        return str(event.user) if event.user else "-"

    @admin.display(description=_("Support code"), ordering="support_code")
    def code(self, event: Event) -> SafeString:
        """Return the code, which leads to all that stands under it."""
        if not event.support_code:
            return SafeString("-")
        place = reverse("admin:accounts_event_changelist") + f"?q={event.support_code}"
        return format_html('<a href="{}"><code>{}</code></a>', place, event.support_code)

    @admin.display(description=_("By"), ordering="actor")
    def done_by(self, event: Event) -> str:
        """Return who did it, always in the same spelling."""
        return actor_of(event)

    @admin.display(description="")
    def action_checkbox(self, event: Event) -> SafeString:
        """Return the row's tick box, named by what the row says."""
        said = gettext("Select: %s") % f"{words.of_event(event.name)}, {self.moment(event)}"
        box = forms.CheckboxInput({"class": "action-select", "aria-label": said}, lambda _: False)
        return box.render(ACTION_CHECKBOX_NAME, event.pk)

    # --- The story --------------------------------------------------------------------------------

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show an event as part of the story of its support code."""
        shown: Event = context["original"]
        story = reading.of_code(shown.support_code) or reading.told("", [shown])
        context |= {
            "title": story.code or words.of_event(shown.name),
            "subtitle": None,
            "story": story,
            "person": shown.user or story.person,
            "drawing": sequence.draw(story),
            "chart": flowchart.draw(story.nodes) if story.nodes else None,
            "rows": [(number, line) for number, line in enumerate(story.lines, 1)],
            "operator": actor_of(shown),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Export as JSON lines"), permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Event]) -> StreamingHttpResponse:
        """Return the chosen events as a file, a line each."""
        events.record(events.event("events.exported", detail=f"{queryset.count()}"))
        rows: Iterable[str] = event_file.lines(queryset.order_by("at", "id"))
        response = StreamingHttpResponse(rows, content_type="application/jsonl")
        response["Content-Disposition"] = 'attachment; filename="events.jsonl"'
        response["Cache-Control"] = "no-store"
        return response


def _exactly(term: str) -> Iterator[Q]:
    """Yield what `term` may be, the least common first."""
    if code := event_file.support_code(term):
        yield Q(support_code=code)
    if is_id(term):
        yield beginning("session_uid", term)
    if address := events.address_or_none(term):
        yield Q(address=address)
    yield Q(source=term)


def actor_of(event: Event) -> str:
    """Return who did it: the kind of party, and the name of an operator."""
    kind = event.get_actor_display() if event.actor else ""
    if event.actor == Event.Actor.ADMINISTRATOR and event.by:
        return f"{event.by} ({kind})"
    return str(kind or "-")

"""The queue of people who await access: let in with departments, one by one or many at once."""

import re
from collections.abc import Collection, Iterable
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import InvalidRequest
from accounts.models import Event, Identity, User
from accounts.session import people
from accounts.source import catalogue
from portal.door import answers
from portal.door.guarded import Guarded
from portal.door.lists import shown_email, titled
from portal.door.seen_field import Held
from portal.operations import roles
from portal.operations.admin import links, promotion
from portal.operations.admin.forms import PersonForm
from portal.operations.admin.records import PER_PAGE
from portal.operations.models import AwaitingPerson
from portal.operations.rights import may_empower, may_give, may_manage

LET_IN, KEEP = "_let_in", "_keep"
# A person and at least one group, as the button of one click names them.
_VALUE = re.compile(r"[0-9]{1,18}(?::[0-9]{1,18}){1,500}")


def queue() -> QuerySet[AwaitingPerson]:
    """Return who awaits access, the longest first. `since` says from when on."""
    began = Q(name="person.enrolled") | Q(name="person.status_changed", detail="awaiting_access")
    last = Event.objects.filter(began, user=OuterRef("pk")).order_by("-at").values("at")[:1]
    rows: QuerySet[AwaitingPerson] = AwaitingPerson.objects.all()  # type: ignore[assignment]
    waiting = rows.filter(status=User.Status.AWAITING_ACCESS)
    return waiting.annotate(since=Coalesce(Subquery(last), "created_at")).order_by("since", "pk")


def claimed(person: User) -> list[str]:
    """Return the groups that the person's sources named last, each once."""
    return sorted({name for each in person.identities.all() for name in _names(each)})


def suggestions(persons: Iterable[User], actor: Any) -> dict[int, list[Group]]:
    """Return, by person, the departments to suggest: groups of ours with the name of a claimed one,
    or that the source's mapping means by it, as far as `actor` may give them.
    """
    wanted = {each.pk: _wanted(each) for each in persons}
    named = roles.departments().filter(name__in=set().union(*wanted.values()))
    offered = [group for group in named if may_give(actor, [group], ())]
    return {pk: [group for group in offered if group.name in names] for pk, names in wanted.items()}


def let_in(pk: int, groups: Collection[Group], by: User) -> AwaitingPerson | None:
    """Give `groups` to a person and let them in. Returns None when they no longer wait.

    The row is held meanwhile: of two administrators one lets in, and nobody who was disabled in
    between comes in by it.
    """
    with transaction.atomic():
        person = held(pk)
        if person is not None:
            person.groups.add(*groups)
            people.admit(person, by)
    return person


def held(pk: int) -> AwaitingPerson | None:
    """Return a person who awaits access, locked until the transaction ends, or None."""
    return queue().select_for_update(of=("self",)).filter(pk=pk).first()


def _wanted(person: User) -> set[str]:
    found: set[str] = set()
    for identity in person.identities.all():
        mapping = identity.source.groups
        for name in _names(identity):
            found |= {name, mapping.get(name, name)}
    return found


def _names(identity: Identity) -> list[str]:
    return [name for name in identity.claimed_groups if isinstance(name, str)]


class AwaitingForm(PersonForm):
    """What somebody is let in with. The suggested departments are chosen already."""

    suggested: ClassVar[list[Group]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "groups" in self.fields:
            self.initial["groups"] = [*self.initial["groups"], *self.suggested]


@admin.register(AwaitingPerson)
class AwaitingAdmin(Held, Guarded):
    """Who awaits access, by which source and since when, what the source claims, and the way in."""

    change_form_template = "operations/awaiting.html"
    list_display = ("who", shown_email, "sources", "since", "claims", "let_in")
    list_filter = (("identities__source", titled(_("Source"), admin.RelatedFieldListFilter)),)
    list_per_page = PER_PAGE
    search_fields = ("username", "name", "email", "=uid")
    filter_horizontal = ("groups",)
    readonly_fields: ClassVar[Any] = ("who", "username", shown_email, "sources", "since", "claims")
    actions = ("let_in_with_suggested",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AwaitingPerson]:
        """Return the queue, the longest waiting first."""
        return queue().prefetch_related("identities__source")

    def count(self, request: HttpRequest) -> int:
        """Return how many wait, for the list of pages."""
        return AwaitingPerson.objects.filter(status=User.Status.AWAITING_ACCESS).count()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Return what is shown and given: groups, and roles where the editor has all rights."""
        given = ["groups", "roles"] if request.user.is_superuser else ["groups"]
        return [*self.readonly_fields, *given, *self.seen_name(request, obj)]

    # --- Who may ----------------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People join the queue by signing in."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever is not let in is disabled, or deleted, among the people."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody let in a person who would then be able to do more than they."""
        permitted, by = super().has_change_permission(request, obj), request.user
        return permitted and (obj is None or (may_manage(by, obj) and may_empower(by, obj)))

    # --- What is shown ----------------------------------------------------------------------------

    @admin.display(description=_("Person"))
    def who(self, person: AwaitingPerson) -> str:
        """Return the name that the source gave."""
        return str(person)

    @admin.display(description=_("Source"))
    def sources(self, person: AwaitingPerson) -> str:
        """Return the sources by which the person is known."""
        slugs = dict.fromkeys(each.source.slug for each in person.identities.all())
        return ", ".join(map(catalogue.label_of, slugs))

    @admin.display(description=_("Since"), ordering="since")
    def since(self, person: AwaitingPerson) -> str:
        """Return since when the person waits, as people write it: the form would show it raw."""
        at: Any = person.since  # type: ignore[attr-defined]  # queue
        return date_format(localtime(at), "DATETIME_FORMAT") if at else "-"

    @admin.display(description=_("What the source claims"))
    def claims(self, person: AwaitingPerson) -> SafeString:
        """Return the claimed groups, those that the institution has no group for as well."""
        names = [(name,) for name in claimed(person)]
        return format_html_join(", ", "{}", names) or SafeString("-")

    @admin.display(description=_("Let in"))
    def let_in(self, person: AwaitingPerson) -> SafeString:
        """Return the button of one click, or the way to choose departments."""
        offered: list[Group] | None = getattr(person, "offered", None)
        if offered is None:
            return SafeString("-")
        if not offered:
            said = gettext("Choose departments")
            return format_html('<a href="{}/change/">{}</a>', person.pk, said)
        names = ", ".join(group.name for group in offered)
        return format_html(
            '<button class="button" name="{}" value="{}" aria-label="{}">{}</button>',
            LET_IN,
            ":".join(str(each.pk) for each in (person, *offered)),
            gettext("Let in %(person)s with %(groups)s") % {"person": person, "groups": names},
            gettext("Let in with %s") % names,
        )

    # --- The list ---------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, whose rows know what may be offered for them."""
        shown = super().get_changelist_instance(request)
        rows = list(shown.result_list)
        offered = suggestions(rows, request.user)
        for row in rows:
            if self.has_change_permission(request, row):
                row.offered = offered[row.pk]
        shown.result_list = rows
        return shown

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Let in the one whose button was pressed; else show the list or do an action."""
        if request.method == "POST" and LET_IN in request.POST:
            may = self.has_change_permission(request)
            return self._guarded(may, self._one_click, request)
        shown: HttpResponse = super().changelist_view(request, extra_context)
        return shown

    @admin.action(description=_("Let in with the suggested departments"), permissions=["change"])
    def let_in_with_suggested(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let in those of the chosen for whom a department is suggested; name the others."""
        rows = list(queryset)
        offered = suggestions(rows, request.user)
        ready = [r for r in rows if offered[r.pk] and self.has_change_permission(request, r)]
        by = cast(User, request.user)
        count = sum(let_in(row.pk, offered[row.pk], by) is not None for row in ready)
        if count:
            said = ngettext("%d person is let in.", "%d people are let in.", count) % count
            self.message_user(request, said, messages.SUCCESS)
        left = [row for row in rows if row not in ready]
        if left:
            said = gettext("Nothing is suggested for these, or they may do more than you: %s")
            self.message_user(request, said % links.some(left), messages.WARNING)

    def _one_click(self, request: HttpRequest) -> HttpResponse:
        person, groups = self._pressed(request)
        if person is None or let_in(person.pk, groups, cast(User, request.user)) is None:
            said = gettext("This person no longer waits, or a group has gone meanwhile.")
            self.message_user(request, said, messages.WARNING)
        else:
            self._say(request, person)
        return answers.see_other(request.get_full_path())

    def _pressed(self, request: HttpRequest) -> tuple[AwaitingPerson | None, list[Group]]:
        """Return the person of the button that was pressed, and the groups that stood on it.

        Raises `PermissionDenied` when the administrator may not let in this person, or not with
        these groups, `InvalidRequest` for a value that no button has.
        """
        if not _VALUE.fullmatch(request.POST[LET_IN]):
            raise InvalidRequest("This is no button of the queue.")
        pk, *wanted = (int(number) for number in request.POST[LET_IN].split(":"))
        person = queue().filter(pk=pk).first()
        groups = list(roles.departments().filter(pk__in=wanted))
        may = self.has_change_permission(request, person)
        if not may or not may_give(request.user, groups, ()):
            raise PermissionDenied
        return (person if len(groups) == len(set(wanted)) else None), groups

    # --- The page of one person -------------------------------------------------------------------

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> AwaitingPerson | None:
        """Return the person, held while the answer to a form is made."""
        found: AwaitingPerson | None = super().get_object(request, *args, **kwargs)
        return held(found.pk) if found and request.method == "POST" else found

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who lets in, and what is suggested."""
        offered = suggestions([obj], request.user)[obj.pk] if obj else []
        known = {"actor": request.user, "suggested": offered}
        form = type("AwaitingForm", (AwaitingForm,), known)
        return super().get_form(request, obj, *args, form=form, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save that whoever has a role opens the administration, for which this form has no field;
        what is edited stands in other tables, and follows.
        """
        if form.cleaned_data.get("is_staff"):
            was, person = (User.objects.get(pk=obj.pk) for _time in range(2))
            person.is_staff = True
            person.save(update_fields=["is_staff"])
            promotion.settle(self, request, was, person)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give groups and permissions, then let in, all in the transaction of the form."""
        with transaction.atomic():
            super().save_related(request, form, formsets, change)
            if KEEP not in request.POST:
                people.admit(form.instance, cast(User, request.user))

    def response_change(self, request: HttpRequest, obj: AwaitingPerson) -> HttpResponse:
        """Say what was done, and go back to the queue."""
        self._say(request, obj, kept=KEEP in request.POST)
        return self.response_post_save_change(request, obj)

    def _say(self, request: HttpRequest, person: AwaitingPerson, *, kept: bool = False) -> None:
        said = gettext("%s goes on waiting.") if kept else gettext("%s is let in.")
        self.message_user(request, said % person, messages.INFO if kept else messages.SUCCESS)

"""People, whose passwords only they know, and the ways in by which they are known."""

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import ended, events, strength
from accounts.models import Identity, Source, User
from accounts.session import administrators, erasure, farewell, people
from accounts.source import catalogue, groups
from portal.door import incoming, seen_field, ways_in
from portal.door.guarded import Guarded
from portal.door.lists import BoundedList, column, meant, shown_email, titled, with_subject
from portal.door.seen_field import Held
from portal.operations import roles
from portal.operations.admin import duty_field, links, promotion
from portal.operations.admin.forms import NewPersonForm, PersonForm
from portal.operations.admin.invite_page import InvitePage
from portal.operations.admin.person_page import PersonPage, link_to, reason_of, unlink
from portal.operations.admin.records import PER_PAGE, ReadOnly
from portal.operations.moments import minute
from portal.operations.rights import (
    may_delete,
    may_lift,
    may_manage,
    may_readdress,
    may_vouch,
    vouches_for,
)

_WRITTEN = frozenset({"username", "name", "email", "is_staff", "is_superuser"})


@admin.register(User)
class PersonAdmin(Held, PersonPage, InvitePage, BoundedList):
    """People: who is let in, and what they may do. Passwords are theirs alone."""

    list_display = (
        "shown_name", "username", shown_email, "status", "shown_roles", "ways", "since",
    )  # fmt: skip
    list_display_links = ("username",)
    list_filter = (
        "status",
        ("is_staff", titled(_("May open the administration"))),
        ("is_superuser", titled(_("Administrator: has all rights"))),
        "groups",
    )
    list_per_page = PER_PAGE
    search_fields = ("username",)  # `found` looks
    ordering = ("username_key",)
    filter_horizontal = ("groups", "user_permissions")
    actions = ("delete_selected", "send_links")
    change_list_template = "operations/people.html"

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        base = PersonForm if obj else NewPersonForm
        form = type(base.__name__, (base,), {"actor": request.user})
        return super().get_form(request, obj, *args, form=form, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Return what is edited; somebody new can be sent a link."""
        known = ["username", "name", "email", "status"]
        given = (
            ["is_superuser", "is_staff", "roles"] if request.user.is_superuser else ["held_roles"]
        )
        shown = obj and obj.user_permissions.exists()  # whoever takes a role away sees what stays
        single = {"fields": ["user_permissions"], "classes": [] if shown else ["collapse"]}
        if obj:
            vouched = ["vouched"] if may_vouch(request.user, obj) else []
            kept = [seen_field.NAME] if self.has_change_permission(request, obj) else []
            known = ["uid", "username", "name", "email", *vouched, "status", *kept]
        return [
            (None, {"fields": known if obj else [*known, "send_link"]}),
            (_("What the person may do"), {"fields": [*given, "groups"]}),
            (_("Second step"), {"fields": [duty_field.NAME]}),
            (_("Single rights"), single),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Leave it to administrators with all rights to make others, and to say where they are
        mailed links.
        """
        kept = [] if request.user.is_superuser else ["held_roles"]
        if obj and not may_readdress(request.user, obj):
            kept += ["username", "email"]
        return ["uid", *kept] if obj else kept

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return people with what their row shows."""
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.prefetch_related("groups", "identities__source")

    def found(self, rows: QuerySet[User], term: str, request: HttpRequest) -> QuerySet[User]:
        """Return the people who are meant: found first, and then put in order."""
        return rows.filter(pk__in=meant(term, request))

    @admin.display(description=_("Person"), ordering="name")
    def shown_name(self, person: User) -> SafeString:
        """Return the name, or the username of somebody without, which leads to their page."""
        return format_html('<a href="{}">{}</a>', link_to(person), person)

    @admin.display(description=_("Roles"))
    def shown_roles(self, person: User) -> str:
        """Return the roles in words."""
        return ", ".join(roles.of_person(person)) or "-"

    @admin.display(description=_("Signs in by"))
    def ways(self, person: User) -> str:
        """Return the sources by which the person is known."""
        slugs = dict.fromkeys(each.source.slug for each in person.identities.all())
        return ", ".join(map(catalogue.label_of, slugs)) or "-"

    @admin.display(description=_("Must have a second step"))
    def second_factor(self, person: User) -> str:
        """Return the duty in words, for who may only look."""
        return duty_field.shown(person)

    @admin.display(description=_("Since"), ordering="created_at")
    def since(self, person: User) -> str:
        """Return since when the person is known."""
        return minute(person.created_at)

    @admin.display(description=_("Roles"))
    def held_roles(self, person: User) -> str:
        """Return the roles in words."""
        return ", ".join(roles.of_person(person)) if person.pk else "-"

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody change a person who may do more than they."""
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or may_manage(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody delete more people than their rights allow."""
        permitted = super().has_delete_permission(request, obj)
        return permitted and (obj is None or may_delete(request.user, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; end the sessions of a person whose status changes, which they carry with them."""
        if not change:
            obj.set_unusable_password()
            obj.email_verified = vouches_for(request.user, obj.email)
            obj.tended = not request.user.is_superuser
            obj.save()
            obj.give_local_identity()
            duty_field.save(request, form, obj)
            if form.cleaned_data.get("send_link"):
                self._send(request, [obj], first=True)
            return
        wanted, obj.status = obj.status, form.initial["status"]
        was = User.objects.get(pk=obj.pk)
        former, was_theirs = was.email, was.email_verified
        if former != obj.email:
            obj.email_verified = vouches_for(request.user, obj.email)
            obj.tended |= not request.user.is_superuser and obj.pk != request.user.pk
        elif form.cleaned_data.get("vouched"):
            obj.email_verified = True
        with administrators.kept():
            # What else stands in the row, such as the password, is not this page's to write.
            written = _WRITTEN & form.cleaned_data.keys()
            obj.save(update_fields=[*written, "username_key", "email_verified", "tended"])
            vouched = bool(form.cleaned_data.get("vouched"))
            promotion.settle(self, request, was, obj, vouched=vouched)
            duty_field.save(request, form, obj)
            if wanted != obj.status:
                self._change_status(request, obj, wanted)
            provider = catalogue.recovering()
            if provider and former and former != obj.email and was_theirs:
                provider.tell_former_address(obj.uid, former)
        if former != obj.email and not obj.email_verified:
            if obj.identities.filter(source__slug=Source.LOCAL).exists():
                said = gettext("The address of %s is not verified: send a link, which does that.")
            else:
                said = gettext(
                    "The address of %s is not verified: somebody with all rights can say on this "
                    "page that it is theirs."
                )
            self.message_user(request, said % obj, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups as well; every worker knows of it within a second."""
        super().save_related(request, form, formsets, change)
        ended.announce(ended.PERSON, [str(form.instance.pk)])

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """End the person's sessions through the store, then delete the person."""
        self.delete_queryset(request, User.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End the sessions of these people through the store, then delete them.

        Django has asked `has_delete_permission` for each of them.
        """
        with administrators.kept():
            for person in queryset:
                erasure.forget_words(person)
                people.end_all(person.pk, "person deleted", farewell.CLOSED)
                person.delete()

    @admin.action(description=_("Send a link to set a password"), permissions=["change"])
    def send_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Mail links to those among the chosen who may have one."""
        chosen = list(queryset)
        by = request.user
        permitted = [each for each in chosen if may_manage(by, each) and may_readdress(by, each)]
        known = Identity.objects.filter(source__slug="local", user__in=permitted)
        with_password = set(known.values_list("user_id", flat=True))
        self._send(request, [person for person in permitted if person.pk in with_password])
        left_out = [person for person in permitted if person.pk not in with_password]
        refused = [person for person in chosen if person not in permitted]
        for those, said in (
            (left_out, gettext("These do not sign in with a password here: %s")),
            (refused, gettext("You may not send these a link: %s")),
        ):
            if those:
                self.message_user(request, said % links.some(those), messages.WARNING)

    def _send(self, request: HttpRequest, persons: list[User], *, first: bool = False) -> None:
        for said, level in links.mailed(persons, first=first):
            self.message_user(request, said, level)

    def _change_status(self, request: HttpRequest, person: User, wanted: str) -> None:
        if wanted == User.Status.DISABLED:
            people.disable(person)
        elif wanted == User.Status.ACTIVE and person.status == User.Status.AWAITING_ACCESS:
            people.admit(person, cast(User, request.user))
        else:
            with transaction.atomic():
                User.objects.filter(pk=person.pk).update(status=wanted)
                people.end_all(person.pk, "status changed")
                visit = incoming.visit(request)
                events.record(
                    events.event("person.status_changed", visit, user=person, detail=wanted)
                )
        person.status = wanted


_OF_IDENTITY: Any = {
    "source": _("Source"),
    "subject": _("Known there as"),
    "issuer": _("Issuer"),
    "user": _("Person"),
    "created_at": _("Since"),
}


@admin.register(Identity)
class IdentityAdmin(Guarded, ReadOnly):
    """The ways in of people: looked up, and taken away."""

    writes_events = True
    delete_confirmation_template = "operations/take_away.html"
    delete_selected_confirmation_template = "operations/take_several_away.html"
    fields = tuple(_OF_IDENTITY)
    form = modelform_factory(Identity, fields=(), labels=_OF_IDENTITY)
    list_display = tuple(column(*each) for each in _OF_IDENTITY.items())
    list_filter = (("source", titled(_("Source"), admin.RelatedFieldListFilter)),)
    list_select_related = ()  # a join with few sources tempts SQLite to begin there, and to sort
    search_fields = ("subject",)  # `found` looks

    def get_queryset(self, request: HttpRequest) -> QuerySet[Identity]:
        """Return the ways in with what their row shows."""
        rows: QuerySet[Identity] = super().get_queryset(request)
        return rows.prefetch_related("source", "user")

    def found(
        self, rows: QuerySet[Identity], term: str, request: HttpRequest
    ) -> QuerySet[Identity]:
        """Return the ways in with this subject, or those of the people who are meant."""
        by_subject = rows.filter(pk__in=list(with_subject(term).values_list("pk", flat=True)))
        return by_subject if by_subject.exists() else super().found(rows, term, request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody shut out a person who may do more than they, nor take a way in of their own
        away by a password alone who has a second factor, or by which they are to have one.
        """
        permitted = super().has_delete_permission(request, obj)
        if obj is None or not permitted:
            return permitted
        own = obj.user_id == request.user.pk
        if own and not strength.has(incoming.session_of(request), ways_in.proof_of(obj.user)):
            return False
        lifts = not may_lift(request.user, obj) and groups.lifts_duty(obj)
        return not lifts and may_manage(request.user, obj.user)

    def render_delete_form(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """Ask why, as the person's page does."""
        return super().render_delete_form(request, {**context, "deleted": [context["object"]]})

    def delete_model(self, request: HttpRequest, obj: Identity) -> None:
        """Take the way in away for the reason that the form gives, and end its sessions."""
        try:
            unlink(request, obj, reason_of(request))
        except groups.DutyError:
            raise PermissionDenied from None

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Identity]) -> None:
        """Take several ways in away, all or none, each with its sessions."""
        with administrators.kept():
            for identity in queryset.select_related("source", "user"):
                self.delete_model(request, identity)

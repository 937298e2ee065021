"""People, whose passwords only they know, and the ways in by which they are known."""

import unicodedata
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import events
from accounts.models import Identity, User
from accounts.models.users import username_key
from accounts.session import administrators, farewell, people
from accounts.source import catalogue
from portal.door import incoming
from portal.operations.admin.guarded import Guarded
from portal.operations.admin.records import PER_PAGE, ReadOnly, record_ended
from portal.operations.rights import may_give, may_manage

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person as an administrator edits them. `actor` is the administrator."""

    actor: ClassVar[Any] = None

    class Meta:
        model = User
        fields = "__all__"

    def clean_username(self) -> str:
        """Return the name in one spelling. Refuses a name that folds to somebody else's."""
        username = unicodedata.normalize("NFC", self.cleaned_data["username"])
        same = User.objects.filter(username_key=username_key(username)).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(_("Somebody has this name, or one that looks the same."))
        return username

    def clean_status(self) -> str:
        """Return the status. Nobody shuts themselves out."""
        status: str = self.cleaned_data["status"]
        if self.instance.pk == self.actor.pk and status != User.Status.ACTIVE:
            raise ValidationError(_("You cannot shut yourself out."))
        return status

    def clean(self) -> dict[str, Any]:
        """Refuse to give somebody rights that the administrator does not have."""
        cleaned = super().clean() or self.cleaned_data
        saved = self.instance.pk is not None
        held = set(self.instance.groups.all()) if saved else set()
        allowed = set(self.instance.user_permissions.all()) if saved else set()
        groups = set(cleaned.get("groups") or ()) - held
        permissions = set(cleaned.get("user_permissions") or ()) - allowed
        if not may_give(self.actor, groups, permissions):
            raise ValidationError(_("You can give only the rights that you have yourself."))
        return cleaned


class NewPersonForm(PersonForm):
    """Somebody new, who signs in with a username and a password of this site."""

    send_link = forms.BooleanField(
        label=_("Send a link"),
        required=False,
        initial=True,
        help_text=_("Mail a link to choose the first password."),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse to send a link nowhere, or to somebody who is not let in."""
        cleaned = super().clean()
        if cleaned.get("send_link"):
            if not cleaned.get("email") and "email" not in self.errors:
                self.add_error("email", _("Without an address no link can be sent."))
            if cleaned.get("status") not in {User.Status.ACTIVE, None}:
                self.add_error("send_link", _("Only an active person can be sent a link."))
        return cleaned


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A group as an administrator edits it. `actor` is the administrator."""

    actor: ClassVar[Any] = None

    class Meta:
        model = Group
        fields = "__all__"

    def clean_permissions(self) -> Any:
        """Return the permissions. Refuses those that the administrator does not have."""
        wanted = self.cleaned_data["permissions"]
        held = set(self.instance.permissions.all()) if self.instance.pk else set()
        if not may_give(self.actor, (), set(wanted) - held):
            raise ValidationError(_("You can give only the rights that you have yourself."))
        return wanted


@admin.register(User)
class PersonAdmin(Guarded):
    """People: who is let in, and what they may do. Passwords are theirs alone."""

    list_display = ("username", "name", "email", "status", "is_staff", "created_at")
    list_filter = ("status", "is_staff", "is_superuser", "groups")
    list_per_page = PER_PAGE
    search_fields = ("username", "name", "email", "=uid", "identities__subject")
    ordering = ("username_key",)
    filter_horizontal = ("groups", "user_permissions")
    actions = ("delete_selected", "send_links")

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        base = PersonForm if obj else NewPersonForm
        form = type(base.__name__, (base,), {"actor": request.user})
        return super().get_form(request, obj, *args, form=form, **kwargs)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        """Return what is edited; somebody new can be sent a link."""
        edited = ["username", "name", "email", "status", *RIGHTS]
        return ["uid", *edited] if obj else [*edited[:4], "send_link", *RIGHTS]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Leave it to administrators with all rights to make others."""
        kept = [] if request.user.is_superuser else ["is_staff", "is_superuser"]
        return ["uid", *kept] if obj else kept

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody change a person who may do more than they."""
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or may_manage(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody delete themselves, or a person who may do more than they."""
        permitted = super().has_delete_permission(request, obj)
        return permitted and (
            obj is None or (obj.pk != request.user.pk and may_manage(request.user, obj))
        )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; end the sessions of a person whose status changes, which they carry with them."""
        if not change:
            obj.set_unusable_password()
            obj.save()
            obj.give_local_identity()
            if form.cleaned_data.get("send_link"):
                self._send(request, [obj], first=True)
            return
        wanted, obj.status = obj.status, form.initial["status"]
        with administrators.kept():
            obj.save()
            if wanted != obj.status:
                self._change_status(request, obj, wanted)
            former, provider = form.initial["email"], catalogue.recovering()
            if provider and former and former != obj.email:
                provider.tell_former_address(obj.uid, former)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """End the person's sessions through the store, then delete the person."""
        self.delete_queryset(request, User.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End the sessions of these people through the store, then delete them.

        Django has asked `has_delete_permission` for each of them.
        """
        with administrators.kept():
            for person in queryset:
                people.end_all(person.pk, "person deleted", farewell.CLOSED)
                person.delete()

    @admin.action(description=_("Send a link to set a password"), permissions=["change"])
    def send_links(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Mail links to those among the chosen who may have one."""
        permitted = [person for person in queryset if may_manage(request.user, person)]
        known = Identity.objects.filter(source__slug="local", user__in=permitted)
        with_password = set(known.values_list("user_id", flat=True))
        self._send(request, [person for person in permitted if person.pk in with_password])
        left_out = [str(p) for p in queryset if p.pk not in with_password]
        if left_out:
            said = gettext("These do not sign in with a password here: %s") % ", ".join(left_out)
            self.message_user(request, said, messages.WARNING)

    def _send(self, request: HttpRequest, persons: list[User], *, first: bool = False) -> None:
        provider = catalogue.recovering()
        for person in persons:
            new = first or not person.has_usable_password()
            if provider and provider.send_link(person.uid, first=new):
                said, level = gettext("A link is on its way to %s."), messages.SUCCESS
            else:
                said, level = gettext("%s has no address or is not let in."), messages.WARNING
            self.message_user(request, said % person, level)

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


@admin.register(Identity)
class IdentityAdmin(Guarded, ReadOnly):
    """The ways in of people: looked up, and taken away."""

    fields = ("source", "subject", "issuer", "user", "created_at")
    list_display = fields
    list_filter = ("source",)
    list_select_related = ("source", "user")
    search_fields = ("=subject", "user__username", "user__name", "user__email")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody shut out a person who may do more than they."""
        permitted = super().has_delete_permission(request, obj)
        return permitted and (obj is None or may_manage(request.user, obj.user))

    def delete_model(self, request: HttpRequest, obj: Identity) -> None:
        """Take the way in away, and end the sessions that came by it."""
        with administrators.kept():
            slug, user, came = obj.source.slug, obj.user, people.came_by(obj)
            obj.delete()
            record_ended(request, people.end_with_children(came, farewell.ADMINISTRATOR))
            visit = incoming.visit(request)
            events.record(events.event("identity.unlinked", visit, source=slug, user=user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Identity]) -> None:
        """Take several ways in away, all or none, each with its sessions."""
        with administrators.kept():
            for identity in queryset.select_related("source", "user"):
                self.delete_model(request, identity)


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(Guarded, GroupAdmin):
    """Groups, a page of which can be ticked whole. Whoever has not all rights changes only those
    that they are in, and never the name: a source or a front end may go by it.
    """

    list_per_page = PER_PAGE
    actions = ("delete_selected",)

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, form=RoleForm, **kwargs)
        form.actor = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Keep the name of what exists."""
        return ["name"] if obj and not request.user.is_superuser else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change what gives more than they have."""
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or may_give(request.user, [obj], ()))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody take away what gives more than they have."""
        permitted = super().has_delete_permission(request, obj)
        return permitted and (obj is None or may_give(request.user, [obj], ()))

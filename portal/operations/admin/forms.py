"""The forms by which administrators edit people and groups: nobody gives more than they have."""

import unicodedata
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.users import username_key
from portal.door import boxes
from portal.door.names import keys_like, looks_like_one, refuse_hidden
from portal.door.seen_field import SeenForm
from portal.operations import roles
from portal.operations.admin import duty_field
from portal.operations.admin.duty_field import DutyField
from portal.operations.rights import may_empower, may_give, may_vouch

OWN_RIGHTS = _("You can give only the rights that you have yourself.")
SINGLE_RIGHTS = _(
    "Only somebody with all rights gives single rights to those who may open the administration."
)
GROUPS_RIGHTS = _("Only somebody with all rights gives a group more rights.")
LET_BACK = _("Only somebody with all rights lets in those who may open the administration.")


class RoleChoices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Roles to tick, each with what it is for."""

    def label_from_instance(self, obj: Any) -> SafeString:
        """Return the role in words."""
        role = roles.of_group(obj)
        if role is None:
            return format_html("{}", obj.name)
        return format_html(
            '<strong>{}</strong> <span class="help">{}</span>', role.label, role.help
        )


class PersonForm(SeenForm):
    """A person as an administrator edits them. `actor` is the administrator."""

    actor: ClassVar[Any] = None

    vouched = forms.BooleanField(
        required=False,
        label=_("The address is theirs"),
        help_text=_("It is not verified yet. Ticked, it counts as verified: look twice."),
    )
    roles = RoleChoices(
        queryset=Group.objects.none(),
        widget=boxes.Boxes,
        required=False,
        label=_("Roles"),
        help_text=_("What the person does in this administration."),
    )
    second_factor = DutyField()

    class Meta:
        model = User
        fields = "__all__"
        labels: ClassVar[dict[str, Any]] = {
            "is_staff": _("May open the administration"),
            "is_superuser": _("Administrator: has all rights"),
            "groups": _("Groups and departments"),
            "user_permissions": _("Single rights"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "is_staff": _(
                "Comes with each role; the person signs in by a source that lets administrators in."
            ),
            "is_superuser": _("May do everything, and make others administrators."),
            "groups": _("Applications may ask for them."),
            "user_permissions": _("For what no role fits. Roles are easier to look over."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.saved = self.instance.pk is not None
        self.held = set(self.instance.groups.all()) if self.saved else set()
        if "groups" in self.fields:
            self.fields["groups"].queryset = roles.departments()  # type: ignore[attr-defined]
        duty_field.fill(self)
        if "user_permissions" in self.fields:
            own = self.instance.user_permissions.all() if self.saved else ()
            _offer_rights(self.fields["user_permissions"], own)
        if not may_vouch(self.actor, self.instance):
            del self.fields["vouched"]
        if not self.actor.is_superuser:  # a declared field is there whatever a page shows
            del self.fields["roles"]
        else:
            self.fields["roles"].queryset = roles.groups()  # type: ignore[attr-defined]
            self.fields["roles"].widget.name_by(self.fields["roles"])
            self.initial["roles"] = [each.pk for each in self.held if roles.is_role(each)]

    def _get_validation_exclusions(self) -> set[str]:
        """Judge no username that is as it was: a former release may have taken what is none."""
        known: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return known if "username" in self.changed_data else {*known, "username"}

    def clean_username(self) -> str:
        """Return the name in one spelling. Refuses a name that folds to somebody else's, and a new
        one that is drawn as somebody else's.
        """
        username = unicodedata.normalize("NFC", self.cleaned_data["username"])
        is_new = "username" in self.changed_data
        keys = keys_like(username) if is_new else {username_key(username)}
        same = User.objects.filter(username_key__in=keys).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(_("Somebody has this name, or one that looks the same."))
        return username

    def clean_name(self) -> str:
        """Return the name. One that is as it was is not judged."""
        name: str = self.cleaned_data["name"]
        return refuse_hidden(name) if "name" in self.changed_data else name

    def clean_status(self) -> str:
        """Return the status. Nobody shuts themselves out, or lets a colleague in again."""
        status: str = self.cleaned_data["status"]
        if self.instance.pk == self.actor.pk and status != User.Status.ACTIVE:
            raise ValidationError(_("You cannot shut yourself out."))
        stays_out = status in {self.instance.status, User.Status.DISABLED}
        is_out = self.saved and self.instance.status != User.Status.ACTIVE
        if is_out and not stays_out and not may_empower(self.actor, self.instance):
            raise ValidationError(LET_BACK)
        return status

    def clean(self) -> dict[str, Any]:
        """Refuse to give somebody rights that the administrator does not have. The groups that are
        saved are the departments and the roles; roles that the form does not show stay.
        """
        cleaned = super().clean()
        kept = {each for each in self.held if roles.is_role(each)}
        chosen = set(cleaned["roles"]) if "roles" in cleaned else kept
        if "groups" in self.fields:
            cleaned["groups"] = [*(cleaned.get("groups") or ()), *chosen]
        if chosen and self.actor.is_superuser:  # a role is of use in the administration alone
            cleaned["is_staff"] = True
        allowed = set(self.instance.user_permissions.all()) if self.saved else set()
        groups = set(cleaned.get("groups") or ()) - self.held
        permissions = set(cleaned.get("user_permissions") or ()) - allowed
        if not may_give(self.actor, groups, permissions):
            raise ValidationError(OWN_RIGHTS)
        if permissions and not may_empower(self.actor, self.instance):
            self.add_error("user_permissions", SINGLE_RIGHTS)
        duty_field.refuse_own(self, self.actor)
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


class GroupForm(SeenForm):
    """A group as an administrator edits it. `actor` is the administrator."""

    actor: ClassVar[Any] = None

    second_factor = DutyField()

    class Meta:
        model = Group
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        duty_field.fill(self)
        if "permissions" in self.fields:
            own = self.instance.permissions.all() if self.instance.pk else ()
            _offer_rights(self.fields["permissions"], own)

    def clean_name(self) -> str:
        """Return the name. Refuses one that would make the group a role, and one that people would
        take for another group's from who has not all rights.
        """
        name: str = self.cleaned_data["name"]
        if name.startswith(roles.PREFIX):
            raise ValidationError(_("Names that begin with role: are kept for roles."))
        if "name" not in self.changed_data:
            return name
        others = Group.objects.exclude(pk=self.instance.pk).values_list("name", flat=True)
        if not self.actor.is_superuser and looks_like_one(name, others):
            raise ValidationError(_("A group has this name, or one that looks the same."))
        return refuse_hidden(name)

    def clean_permissions(self) -> Any:
        """Return the permissions. Refuses those that the administrator does not have, and any more
        of a group that is there: who is in it, the administrator as well, would have them for good.
        """
        wanted = self.cleaned_data["permissions"]
        held = set(self.instance.permissions.all()) if self.instance.pk else set()
        more = set(wanted) - held
        if not may_give(self.actor, (), more):
            raise ValidationError(OWN_RIGHTS)
        if more and self.instance.pk and not self.actor.is_superuser:
            raise ValidationError(GROUPS_RIGHTS)
        return wanted

    def clean(self) -> dict[str, Any]:
        """Let nobody lift the duty of a group that they are in."""
        cleaned = super().clean()
        duty_field.refuse_own(self, self.actor)
        return cleaned


def _offer_rights(field: Any, held: Iterable[Permission]) -> None:
    """Offer, in words, the rights that do something by themselves, and those `held` so far."""
    field.label_from_instance = roles.in_words
    field.queryset = roles.single_rights(held)

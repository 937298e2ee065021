"""The forms of a person: without a password, which only the person knows."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.users import username_key
from portal.operations.rights import may_give


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

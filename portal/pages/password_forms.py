"""The forms of the password pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.provider import LONGEST_PASSWORD


class _Password(forms.CharField):
    """A password as it was typed: spaces count, and nothing of it is ever sent back."""

    def __init__(self, autocomplete: str, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(strip=False, max_length=LONGEST_PASSWORD, widget=widget, **options)


class NewPasswordForm(forms.Form):
    """A new password, typed twice, checked by the site's validators for `user`."""

    new_password = _Password("new-password", label=_("New password"))
    again = _Password("new-password", label=_("New password again"))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["new_password"].help_text = password_validators_help_text_html()

    def clean_new_password(self) -> str:
        """Return the new password when the site's validators have nothing against it."""
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.user)
        return password

    def clean_again(self) -> str:
        """Return the repetition when it is one."""
        again: str = self.cleaned_data["again"]
        if "new_password" in self.cleaned_data and again != self.cleaned_data["new_password"]:
            raise ValidationError(_("The two passwords are not the same."))
        return again


class ChangePasswordForm(NewPasswordForm):
    """The present password, and a new one that differs. The view judges the present one."""

    old_password = _Password("current-password", label=_("Present password"))
    field_order = ["old_password", "new_password", "again"]

    def clean_new_password(self) -> str:
        """Return the new password when it is good and really new."""
        password = super().clean_new_password()
        if password == self.cleaned_data.get("old_password"):
            raise ValidationError(_("This is the password that you have now."))
        return password


class ForgottenForm(forms.Form):
    """Who forgot: a username or an e-mail address."""

    identifier = forms.CharField(
        label=_("Username or e-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )

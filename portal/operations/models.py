"""What operators look at and no other room needs a word for."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from accounts.models import User


class AwaitingPerson(User):
    """A person who awaits access: the same row, with permissions of its own, so that the desk which
    lets people in need not be the one that edits them.
    """

    class Meta:
        proxy = True
        default_permissions = ("view", "change")
        verbose_name = _("person who awaits access")
        verbose_name_plural = _("awaiting access")

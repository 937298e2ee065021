"""The mail about a sign-in in a browser in which its person has never been."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts import conf
from accounts.models import User
from providers.local import told

DEVICE = "device"


def deliver(message: Mapping[str, Any]) -> None:
    """Send what `accounts/login/new_device.py` has posted; nothing to who has gone meanwhile, or
    has no address. Raises what `told.send` does.

    Nothing of it is what a stranger could write: of what a browser says of itself there are names
    of our own.
    """
    user = User.objects.filter(uid=message["uid"]).exclude(email="").first()
    if user is None:
        return
    with translation.override(message["language"]):
        context = {
            "sessions": f"{conf.site_url()}/account/sessions",
            "devices": f"{conf.site_url()}/account/devices",
            "user": user,
            "device": message[DEVICE],
            "address": message["address"],
            "at": localtime(datetime.fromisoformat(message["at"])),
        }
        subject = _("A new sign-in to your account")
        text = render_to_string("password/new_device.txt", context)
    told.send(subject, text, user.email)

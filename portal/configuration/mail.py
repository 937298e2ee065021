"""The mail server that `VESTIBULE_MAIL_URL` names."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal.configuration.env import Misconfigured, env

_UNREADABLE = "VESTIBULE_MAIL_URL: is none such as smtp+tls://user:password@host:587"


def server(url: str) -> dict[str, Any]:
    """Return Django's settings of the mail server at `url`, whose user and password may be missing.

    Raises `Misconfigured`, which repeats no password.
    """
    try:
        found: dict[str, Any] = env.email_url_config(url)
    except (ImproperlyConfigured, ValueError):
        raise Misconfigured(_UNREADABLE) from None
    return found | {name: found[name] or "" for name in ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")}

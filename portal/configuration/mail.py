"""The mail server that `VESTIBULE_MAIL_URL` names, and the sender of all mails."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.configuration.env import Misconfigured, env

# Where TLS begins by STARTTLS, whatever the address is called (RFC 8314, 3.3).
_SUBMISSION = 587
BACKEND = "portal.configuration.smtp.EmailBackend"
_DJANGOS = "django.core.mail.backends.smtp.EmailBackend"
_UNREADABLE = "VESTIBULE_MAIL_URL: is none such as smtp+tls://user:password@host:587"


def server(url: str) -> dict[str, Any]:
    """Return Django's settings of the mail server at `url`, whose user and password may be missing.

    Raises `Misconfigured`, which repeats no password.
    """
    try:
        found: dict[str, Any] = env.email_url_config(url)
    except (ImproperlyConfigured, ValueError):
        raise Misconfigured(_UNREADABLE) from None
    if found["EMAIL_BACKEND"] == _DJANGOS:
        found["EMAIL_BACKEND"] = BACKEND
    if urlsplit(url).scheme == "smtps" and found["EMAIL_PORT"] != _SUBMISSION:
        found |= {"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}
    return found | {name: found[name] or "" for name in ("EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD")}


def sender(given: str, host: str) -> str:
    """Return from whom mails come: from whom is `given`, else from one at the site's host."""
    place = f"[IPv6:{host}]" if ":" in host else host  # RFC 5321, 4.1.3
    return given.strip() or f"no-reply@{place}"

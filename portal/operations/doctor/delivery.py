"""What runs beside the workers: the outbox, the expiry, the mail server."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.mail import get_connection
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import conf
from accounts.cache import reasons
from accounts.models import EndedEntry, Event, OutboxItem, StoredSession
from accounts.provider import Finding, verdict

# `deliver_outbox --forever` looks each 15 s.
OVERDUE = timedelta(minutes=5)
UNCLEARED = timedelta(days=3)


def outbox(_look: Any) -> Iterator[Finding]:
    """Yield whether what is due is delivered."""
    now = timezone.now()
    due = OutboxItem.objects.filter(next_at__lt=now - OVERDUE).order_by("next_at")
    oldest = due.values_list("next_at", flat=True).first()
    minutes = int((now - oldest).total_seconds() // 60) if oldest else 0
    yield verdict(
        oldest is None,
        _("Nothing in the outbox is overdue."),
        _("A delivery in the outbox is overdue by %d minutes.") % minutes,
        _("Let this run beside the workers, always: manage.py deliver_outbox --forever"),
    )


def expiry(_look: Any) -> Iterator[Finding]:
    """Yield whether what is over is deleted. Sessions tell little of it: the worker that delivers
    the outbox ends them as well.
    """
    then = timezone.now() - UNCLEARED
    newest = EndedEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
    over = (
        StoredSession.objects.filter(expire_date__lt=then),
        EndedEntry.objects.filter(at__lt=then).exclude(id=newest),
        Event.objects.filter(at__lt=then - conf.events_kept(), count=1),
    )
    yield verdict(
        not any(rows.exists() for rows in over),
        _("What has expired is deleted."),
        _("What expired days ago is still there."),
        _("Let this run once a day: manage.py clear_expired"),
    )


def mail(_look: Any) -> Iterator[Finding]:
    """Yield whether the mail server takes a connection, where there is one."""
    server = get_connection()
    if not hasattr(server, "host"):
        yield Finding(True, _("Mails are not sent, but shown."))
        return
    try:
        server.open()
        server.close()
    except (OSError, ValueError) as error:  # smtplib's are such; a host that is no name
        why = reasons.of(error)
        said = _("The mail server does not take a connection: %s.") % why
        fix = _(
            "Compare the server's certificate with its name in VESTIBULE_MAIL_URL; an authority of "
            "your own is trusted where VESTIBULE_HTTP_CA names its file."
        )
        plain = _("Compare VESTIBULE_MAIL_URL with the mail server's settings.")
        yield Finding(False, said, fix if "certificate" in why else plain)
        return
    yield Finding(True, _("The mail server takes a connection."))

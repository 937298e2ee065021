"""Alarms: an operator is told once when something fails for a time, and again when it is well.

`deliver_outbox --forever` looks each minute. A source fails when people have met its trouble, or
its self-test finds one, for `VESTIBULE_ALARM_AFTER`. Keys, certificates and the disk are judged
once an hour, by what the doctor says of them (docs/operations.md 6).
"""

import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.core.mail import send_mail
from django.db import DatabaseError, connections, models
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import conf as ground
from accounts.errors import ProtocolError
from accounts.http import Client
from accounts.models import Source
from accounts.source import outage
from portal import conf
from portal.operations import source_rows
from portal.operations.doctor import examination

EVERY = 60.0
HOURLY = 3600.0
SUBJECTS = ("certificate", "files", "keys", "disk")
SOURCE = "source:"

log = structlog.get_logger("vestibule.alarms")
_looked: dict[str, float] = {}
_beside: list[threading.Thread] = []


class Alarm(models.Model):
    """Something that is not well. `told_at` is when operators were told of it."""

    key = models.CharField(max_length=60, unique=True)
    text = models.CharField(max_length=1000)
    since = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "operations"
        default_permissions = ()
        verbose_name = gettext_lazy("alarm")

    def __str__(self) -> str:
        return self.key


def look_beside() -> None:
    """Look in a thread of its own, unless one is at it: deliveries do not wait for the self-tests
    of what is down.
    """
    if _beside and _beside[0].is_alive():
        return
    _beside[:] = [threading.Thread(target=_look_and_close, name="alarms", daemon=True)]
    _beside[0].start()


def _look_and_close() -> None:
    try:
        look()
    except DatabaseError:
        log.warning("alarms.database_unavailable")
    except Exception:  # whatever it is, the next look comes
        log.exception("alarms.failed")
    finally:
        connections.close_all()


def look() -> None:
    """Look, if a minute has passed since this process did, and tell what is new.

    Raises `DatabaseError`, and nothing that mail server, webhook or upstream cause.
    """
    if not (conf.alarm_mail() or conf.alarm_webhook()) or not _is_due("look", EVERY):
        return
    with translation.override(conf.language()):
        _note(SOURCE, _troubled_sources(), timedelta(seconds=conf.alarm_after()))
        if _is_due("doctor", HOURLY):
            _note("", _examined(), timedelta(0))


def forget() -> None:
    """Forget when this process looked."""
    _looked.clear()


def _is_due(what: str, seconds: float) -> bool:
    now = time.monotonic()
    if now - _looked.get(what, float("-inf")) < seconds:
        return False
    _looked[what] = now
    return True


def _troubled_sources() -> dict[str, str]:
    """Return the sources in trouble, with what is wrong. One whose trouble nobody has met lately is
    asked itself: that nobody comes does not make it well.
    """
    rows = {row.slug: row for row in Source.objects.filter(enabled=True)}
    known = Alarm.objects.filter(key__startswith=SOURCE).values_list("key", flat=True)
    suspects = {*outage.since(rows), *(key.removeprefix(SOURCE) for key in known)} & set(rows)
    found = {}
    for slug in sorted(suspects):
        wrong = [each.message for each in source_rows.findings(rows[slug]) if not each.ok]
        if wrong:
            found[SOURCE + slug] = " ".join((f"{slug}:", *wrong))
    return found


def _examined() -> dict[str, str]:
    """Return what the doctor finds wrong with keys, certificates and the disk."""
    found: dict[str, list[str]] = {}
    for subject, finding in examination.examine(SUBJECTS):
        if not finding.ok:
            found.setdefault(subject, []).append(f"{finding.message} {finding.fix}")
    return {subject: " ".join(texts) for subject, texts in found.items()}


def _note(prefix: str, wrong: Mapping[str, str], patience: timedelta) -> None:
    """Compare what is wrong with what was; tell what has lasted for longer than `patience`, and
    what is over. Of several processes that look, one tells.
    """
    now = timezone.now()
    for key, text in wrong.items():
        fresh = {"text": text[:1000], "since": now}
        alarm, _made = Alarm.objects.get_or_create(key=key, defaults=fresh)
        mine = Alarm.objects.filter(pk=alarm.pk, told_at=None, since__lte=now - patience)
        if mine.update(told_at=now) and not _tell(key, text, failing=True):
            Alarm.objects.filter(pk=alarm.pk).update(told_at=None)  # and again in a minute
    over = Alarm.objects.exclude(key__in=wrong)
    over = over.filter(key__startswith=prefix) if prefix else over.filter(key__in=SUBJECTS)
    for alarm in over:
        if Alarm.objects.filter(pk=alarm.pk).delete()[0] and alarm.told_at:
            _tell(alarm.key, alarm.text, failing=False)


def _tell(key: str, text: str, *, failing: bool) -> bool:
    """Tell by mail and webhook. Returns whether one of them has taken it."""
    word = _("Not well: %s") if failing else _("Well again: %s")
    subject = f"{conf.institution()['name']}: {word % key.removeprefix(SOURCE)}"
    log.warning("alarm.told", alarm=key, failing=failing)
    taken = [_by_mail(subject, text), _by_webhook(key, subject, text, failing=failing)]
    return any(taken)


def _by_mail(subject: str, text: str) -> bool:
    addresses = list(conf.alarm_mail())
    if not addresses:
        return False
    try:
        send_mail(subject, f"{text}\n\n{ground.site_url()}\n", None, addresses)
    except OSError as error:  # smtplib's errors are such, too
        log.warning("alarm.mail_failed", error=type(error).__name__)
        return False
    return True


def _by_webhook(key: str, subject: str, text: str, *, failing: bool) -> bool:
    if not conf.alarm_webhook():
        return False
    told: dict[str, Any] = {
        "site": ground.site_url(),
        "alarm": key,
        "state": "failing" if failing else "well",
        "text": f"{subject}\n{text}",
    }
    try:
        answer = Client("alarm", inside=True).post(conf.alarm_webhook(), json=told)
    except ProtocolError as error:
        log.warning("alarm.webhook_failed", error=getattr(error, "kind", error.error))
        return False
    return answer.ok

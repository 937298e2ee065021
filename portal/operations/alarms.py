"""Alarms: an operator is told once when something fails for a time, and again when it is well.

`deliver_outbox --forever` looks each minute. A source fails when people have met its trouble, or
its settings cannot be read, and its self-test finds the same for `VESTIBULE_ALARM_AFTER`. Keys,
certificates, the disk and the clock are judged once an hour, by what the doctor says of them
(docs/operations.md 6). What is a fact of one machine has its name in the key. An alarm ends when
its subject was looked at and found well; its row goes when that was told.
"""

import socket
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from django.core.mail import send_mail
from django.db import DatabaseError, connections, models
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import conf as ground
from accounts.errors import MISCONFIGURED, ProtocolError
from accounts.http import Client
from accounts.models import Event, Source
from accounts.provider import Finding
from accounts.source import catalogue, outage
from portal import conf
from portal.operations import source_rows
from portal.operations.doctor import clock, examination

EVERY = 60.0
HOURLY = 3600.0
OF_THE_SITE = ("certificate", "expiry")
OF_A_MACHINE = ("files", "keys", "disk")
SOURCE = "source:"
# A machine that has not looked for so long does not look any more.
UNHEARD = timedelta(days=1)
# For so long what people have met makes a source worth a look.
MET = timedelta(seconds=outage.REMEMBERED_SECONDS)
# How long one process may take to tell one word, before another tells it.
TELLING = timedelta(seconds=90)
FAILING, WELL, GONE = "failing", "well", "gone"

log = structlog.get_logger("vestibule.alarms")
_looked: dict[str, float] = {}
_beside: list[threading.Thread] = []


class Alarm(models.Model):
    """Something that is not well. `told_at` is when operators were told of it, `seen_at` when it
    was found so last. `over` says how it ended, `well` or `gone`, until that was told as well.
    """

    key = models.CharField(max_length=60, unique=True)
    text = models.CharField(max_length=1000)
    since = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    over = models.CharField(max_length=8, default="", db_default="")
    telling_until = models.DateTimeField(null=True)  # by one of several processes

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
        _note(*_troubled_sources())
        if _is_due("doctor", HOURLY):
            _note(*_examined())
        _forget_unheard()
        _tell_due()


def forget() -> None:
    """Forget when this process looked."""
    _looked.clear()


def _is_due(what: str, seconds: float) -> bool:
    now = time.monotonic()
    if now - _looked.get(what, float("-inf")) < seconds:
        return False
    _looked[what] = now
    return True


def _troubled_sources() -> tuple[dict[str, str], list[str]]:
    """Return the sources in trouble, with what is wrong, and those that are well again. One whose
    trouble nobody has met lately is asked itself: that nobody comes does not make it well.
    """
    rows = {row.slug: row for row in Source.objects.filter(enabled=True)}
    alarms = Alarm.objects.filter(key__startswith=SOURCE)
    known = {key.removeprefix(SOURCE) for key in alarms.values_list("key", flat=True)}
    _end((SOURCE + slug for slug in known - {*rows}), GONE)
    found, well = {}, []
    for slug in sorted({*_suspects(rows), *known} & {*rows}):
        wrong = [each.message for each in source_rows.findings(rows[slug]) if not each.ok]
        if wrong:
            found[SOURCE + slug] = " ".join((f"{slug}:", *wrong))
        else:
            well.append(SOURCE + slug)
    return found, well


def _suspects(rows: Mapping[str, Source]) -> set[str]:
    """Return the sources of which somebody has met an outage or a refusal lately, or may have, such
    as whoever asks a directory about its people, and those whose settings cannot be read, which
    nobody can meet.
    """
    now = timezone.now()
    failed = Event.objects.filter(
        name="login.failed", reason=MISCONFIGURED, last_at__gt=now - MET,
        at__gt=now - UNHEARD,  # by which there is an index
    )  # fmt: skip
    unread = (slug for slug, row in rows.items() if not catalogue.is_readable(row))
    refused = failed.order_by().values_list("source", flat=True).distinct()
    return {*outage.since(rows), *outage.doubted(rows), *refused, *unread}


def _examined() -> tuple[dict[str, str], list[str]]:
    """Return what the doctor finds wrong with keys, certificates, the disk and this machine's clock
    beside the database's, and what it has found well. What it finds nothing of is neither.
    """
    found: dict[str, list[Finding]] = {}
    for subject, finding in examination.examine((*OF_THE_SITE, *OF_A_MACHINE)):
        found.setdefault(subject, []).append(finding)
    if beside := [*clock.beside_database()]:
        found["clock"] = beside
    wrong, well = {}, []
    for subject, findings in found.items():
        if said := " ".join(f"{each.message} {each.fix}" for each in findings if not each.ok):
            wrong[_key(subject)] = said
        else:
            well += [_key(subject), subject]  # as former versions called it, whatever the machine
    return wrong, well


def _key(subject: str) -> str:
    """Return the key of a subject of the doctor's, with this machine's name if it is of it."""
    return subject if subject in OF_THE_SITE else f"{subject}@{socket.gethostname()[:50]}"


def _note(wrong: Mapping[str, str], well: Iterable[str]) -> None:
    """Note what was found `wrong`, by its text, and what was found `well`."""
    now = timezone.now()
    for key, text in wrong.items():
        seen = {"text": text[:1000], "seen_at": now}
        alarm, made = Alarm.objects.get_or_create(key=key, defaults={**seen, "since": now})
        if not made:
            Alarm.objects.filter(pk=alarm.pk).update(**seen, over="")
    _end(well, WELL)


def _end(keys: Iterable[str], how: str) -> None:
    """Note that alarms are over; nobody was told of some, and those go at once."""
    over = Alarm.objects.filter(key__in=[*keys])
    over.filter(told_at=None, telling_until=None).delete()
    over.update(over=how)


def _forget_unheard() -> None:
    """End the alarms of machines that do not look any more: nobody would say that all is well."""
    over = Alarm.objects.filter(key__contains="@", seen_at__lt=timezone.now() - UNHEARD)
    _end(list(over.values_list("key", flat=True)), GONE)


def _tell_due() -> None:
    """Tell what has lasted for long enough, and what is over; again each minute until somebody has
    taken it. Of several processes one tells, and another where that one dies.
    """
    now = timezone.now()
    free = Alarm.objects.filter(Q(telling_until=None) | Q(telling_until__lt=now))
    free.filter(told_at=None).exclude(over="").delete()  # its teller has died, or found nobody
    lasts = Q(since__lte=now - timedelta(seconds=conf.alarm_after()))
    failing = Q(told_at=None, over="") & (lasts | ~Q(key__startswith=SOURCE))
    for alarm in free.filter(failing | Q(told_at__isnull=False) & ~Q(over="")):
        mine = free.filter(pk=alarm.pk, told_at=alarm.told_at, over=alarm.over)
        if mine.update(telling_until=timezone.now() + TELLING):
            _told(alarm, _tell(alarm.key, alarm.text, alarm.over or FAILING))


def _told(alarm: Alarm, taken: bool) -> None:
    """Write down what became of a word. What has failed anew while it was called well is told."""
    row = Alarm.objects.filter(pk=alarm.pk)
    if not taken:
        row.update(telling_until=None)
    elif not alarm.over:
        row.update(telling_until=None, told_at=timezone.now())
    elif not row.exclude(over="").delete()[0]:
        row.update(telling_until=None, told_at=None)


def _tell(key: str, text: str, state: str) -> bool:
    """Tell by webhook and mail. Returns whether one of them has taken it."""
    words = {
        FAILING: _("Not well: %s"),
        WELL: _("Well again: %s"),
        GONE: _("No longer looked at: %s"),
    }
    name, _at, machine = key.removeprefix(SOURCE).partition("@")
    called = f"{name} ({machine})" if machine else name
    subject = f"{conf.institution()['name']}: {words[state] % called}"
    log.warning("alarm.told", alarm=key, state=state)
    # A mail server may take its time: the webhook does not wait for it.
    taken = [_by_webhook(key, subject, text, state), _by_mail(subject, text)]
    return any(taken)


def _by_mail(subject: str, text: str) -> bool:
    addresses = list(conf.alarm_mail())
    if not addresses:
        return False
    try:
        send_mail(subject, f"{text}\n\n{ground.site_url()}\n", None, addresses)
    except (OSError, ValueError) as error:  # smtplib's; an address or a password that is none
        log.warning("alarm.mail_failed", error=type(error).__name__)
        return False
    return True


def _by_webhook(key: str, subject: str, text: str, state: str) -> bool:
    if not conf.alarm_webhook():
        return False
    told: dict[str, Any] = {
        "site": ground.site_url(),
        "alarm": key,
        "state": state,
        "text": f"{subject}\n{text}",
    }
    try:
        answer = Client("alarm", inside=True).post(conf.alarm_webhook(), json=told)
    except ProtocolError as error:
        log.warning("alarm.webhook_failed", error=getattr(error, "kind", error.error))
        return False
    return answer.ok

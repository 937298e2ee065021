"""The clock: tokens and codes live for minutes, and other people's clocks judge them."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from django.db import connection
from django.utils.translation import gettext as _

from accounts import conf
from accounts.errors import ProtocolError
from accounts.http import Client
from accounts.provider import Finding, verdict
from accounts.source import catalogue
from portal.operations.doctor.look import Look
from portal.operations.doctor.visit import Seen

# RFC 7519, 4.1.4 allows "a few minutes" at most; a Date counts whole seconds (RFC 9110, 6.6.1).
MOST_SECONDS = 5.0


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether this machine's clock agrees with that of database, site and an upstream."""
    yield from beside_database()
    if isinstance(look.seen, Seen):
        yield from _dated(conf.site_url(), look.seen.headers.get("Date", ""), look.seen.at)
    yield from _upstream()


def beside_database() -> Iterator[Finding]:
    """Yield whether this machine's clock agrees with that of the database, which all machines of a
    site share; nothing where the database is a file. What the answer takes does not count.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        asked = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        there, answered = float(cursor.fetchone()[0]), time.time()
    yield _agrees(_("the database"), there - min(max(there, asked), answered))


def _upstream() -> Iterator[Finding]:
    """Yield what the first source says whose address answers with a date."""
    for source in catalogue.enabled():
        issuer = source.description.issuer
        if not issuer.startswith(("https://", "http://")):
            continue
        inside = getattr(source.row, "settings", {}).get("inside", False)
        try:
            answer = Client("doctor", inside=bool(inside)).get(issuer)
        except ProtocolError:
            continue  # said by the source's own finding
        found = list(_dated(issuer, answer.headers.get("Date", ""), time.time()))
        if found:
            yield from found
            return


def _dated(place: str, date: str, now: float) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    yield _agrees(place, there - now)


def _agrees(place: str, ahead: float) -> Finding:
    told = {"place": place, "seconds": round(abs(ahead))}
    slow = _("The clock of this machine is %(seconds)d s behind that of %(place)s.") % told
    fast = _("The clock of this machine is %(seconds)d s ahead of that of %(place)s.") % told
    return verdict(
        abs(ahead) <= MOST_SECONDS,
        _("The clock agrees with that of %s.") % place,
        slow if ahead > 0 else fast,
        _("Let both machines keep their time by NTP, for example by chrony."),
    )

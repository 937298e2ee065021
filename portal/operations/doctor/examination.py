"""The order of the examination."""

from collections.abc import Callable, Collection, Iterator

import structlog
from django.utils.translation import gettext as _

from accounts.offers import offered
from accounts.provider import Finding
from portal.operations.doctor import (
    body,
    cache,
    certificate,
    certificate_files,
    clock,
    database,
    delivery,
    disk,
    front,
    keys,
    sources,
    staff,
    start,
    workers,
)
from portal.operations.doctor.look import Look

log = structlog.get_logger("vestibule.doctor")

Subject = Callable[[Look], Iterator[Finding]]
SUBJECTS: dict[str, Subject] = {
    "settings": start.findings,
    "database": database.findings,
    "cache": cache.findings,
    "site": front.reached,
    "certificate": certificate.findings,
    "files": certificate_files.findings,
    "clock": clock.findings,
    "proxy": front.findings,
    "body": body.findings,
    "workers": workers.findings,
    "keys": keys.findings,
    "staff": staff.findings,
    "disk": disk.findings,
    "outbox": delivery.outbox,
    "expiry": delivery.expiry,
    "mail": delivery.mail,
    "sources": sources.findings,
}
# What the site tells of itself: while it does not, there is nothing to say of these.
_TOLD_BY_THE_SITE = {"certificate", "proxy", "body", "workers"}


def examine(
    only: Collection[str] = (), *, quick: bool = False, aloud: bool = False
) -> Iterator[tuple[str, Finding]]:
    """Yield what is found of all subjects, or `only` of some, with the subject's name. A subject
    that fails is a finding itself. `aloud` finds as well that the site does not answer, where one
    of `only` is asked of it: somebody who reads nothing takes that for health.
    """
    look = Look(quick=quick)
    wanted = set(only or SUBJECTS)
    if aloud and wanted & _TOLD_BY_THE_SITE and not look.told:
        wanted.add("site")
    for name, subject in SUBJECTS.items():
        if name in wanted:
            yield from _safely(name, subject, look)
    for elsewhere in offered("examines"):
        if not only or "keys" in only:
            yield from _safely("keys", elsewhere, look)


def _safely(name: str, subject: Subject, look: Look) -> Iterator[tuple[str, Finding]]:
    try:
        for finding in subject(look):
            yield name, finding
    except Exception as error:  # whatever it is, the other subjects are examined
        log.exception("doctor.failed", subject=name)
        said = _("This could not be examined: %s") % type(error).__name__
        yield name, Finding(False, said, _("The log says why."))

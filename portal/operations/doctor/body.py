"""How the server in front treats a body that does not come."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts import conf as ground
from accounts.provider import Finding, verdict
from portal import conf
from portal.operations.doctor import mirror
from portal.operations.doctor.look import Look
from portal.operations.doctor.visit import Seen, open_body

GRACE = 4.0
TIMEOUT = 408


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether Vestibule's own deadline for a body is what ends the wait."""
    if look.quick or not isinstance(look.seen, Seen):
        return
    deadline = conf.body_deadline()
    status, seconds = open_body(ground.site_url() + mirror.PATH, deadline + GRACE)
    told = {"deadline": round(deadline), "seconds": round(seconds)}
    too_late = seconds > deadline + GRACE / 2
    late = _("A body that does not come is waited for longer than %(deadline)d s.") % told
    soon = _("The server in front drops a body after %(seconds)d s, before the site answers.")
    yield verdict(
        status == TIMEOUT and not too_late,
        _("A body that does not come is answered 408 after %(seconds)d s.") % told,
        late if too_late else soon % told,
        _(
            "Let the server in front pass bodies on as they come, and wait longer than "
            "VESTIBULE_BODY_DEADLINE itself; deploy/ has files that do."
        ),
    )

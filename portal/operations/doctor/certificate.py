"""The certificate of the site's own address."""

import ssl
import time
from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts import conf
from accounts.provider import Finding, verdict
from portal.operations import checks
from portal.operations.doctor.look import Look
from portal.operations.doctor.visit import Seen, Unseen

DAYS = 14


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether browsers will take the certificate, and for how long."""
    if not conf.site_url().startswith("https:"):
        yield verdict(
            not checks.is_production(),
            _("The site is served by plain http, which is for this machine only."),
            _("The site is served by plain http."),
            _("Put a proxy with a certificate before it, and begin VESTIBULE_SITE_URL by https."),
        )
        return
    seen = look.seen
    if isinstance(seen, Unseen) and seen.is_tls:
        fix = _("Serve a certificate for this name, with the chain to its authority; see deploy/.")
        yield Finding(False, _("Browsers refuse the certificate: %s.") % seen.why, fix)
    if isinstance(seen, Seen) and "notAfter" in seen.certificate:
        ends = ssl.cert_time_to_seconds(seen.certificate["notAfter"])
        days = int((ends - time.time()) // 86400)
        yield verdict(
            days >= DAYS,
            _("The certificate is good for another %d days.") % days,
            _("The certificate ends in %d days.") % days,
            _("Renew it, and see why that has not happened by itself."),
        )

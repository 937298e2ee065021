"""Room for what is written."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from accounts.provider import Finding, verdict
from portal import conf

LEAST_BYTES = 200 * 1024 * 1024
LEAST_PART = 0.03


def findings(_look: Any) -> Iterator[Finding]:
    """Yield whether the site's own folder can be written, and has room."""
    place = conf.data_directory()
    usage = shutil.disk_usage(place)
    free = {"place": place, "free": f"{usage.free / 2**30:.1f}"}
    yield verdict(
        usage.free >= max(LEAST_BYTES, usage.total * LEAST_PART),
        _("There is room in %(place)s: %(free)s GiB.") % free,
        _("The disk of %(place)s is nearly full: %(free)s GiB are left.") % free,
        _("Make room, or name a folder on another disk by VESTIBULE_DATA."),
    )
    if not os.access(place, os.W_OK | os.X_OK):
        said = _("Nothing can be written to %s.") % place
        yield Finding(False, said, _("Give the folder to the user that the site runs as."))

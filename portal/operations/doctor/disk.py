"""Room for what is written."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from accounts.provider import Finding, verdict
from portal import conf
from portal.operations import checks

LEAST_BYTES = 200 * 1024 * 1024
# The numbers of a worker take some megabytes, and may lie in memory (deploy/kubernetes/site.yaml).
LEAST_FOR_NUMBERS = 16 * 1024 * 1024
LEAST_PART = 0.03
NUMBERS = "metrics"


def findings(_look: Any) -> Iterator[Finding]:
    """Yield whether there is room, and whether what the site writes can be written."""
    written = _written()
    place = written or Path(conf.data_directory())
    usage = shutil.disk_usage(place)
    free = {"place": place, "free": f"{usage.free / 2**30:.1f}"}
    least = LEAST_FOR_NUMBERS if place.name == NUMBERS else LEAST_BYTES
    yield verdict(
        usage.free >= max(least, usage.total * LEAST_PART),
        _("There is room in %(place)s: %(free)s GiB.") % free,
        _("The disk of %(place)s is nearly full: %(free)s GiB are left.") % free,
        _("Make room, or name a folder on another disk by VESTIBULE_DATA."),
    )
    if written and not os.access(place, os.W_OK | os.X_OK):
        said = _("Nothing can be written to %s.") % place
        yield Finding(False, said, _("Give the folder to the user that the site runs as."))


def _written() -> Path | None:
    """Return the folder in which the site writes: its own with the database in it, else that of
    the numbers where somebody reads them. None without either, as on a read-only file system.
    """
    own = Path(conf.data_directory())
    if checks.is_embedded():
        return own
    if not conf.metrics_are_read():
        return None
    return own / NUMBERS if (own / NUMBERS).is_dir() else own

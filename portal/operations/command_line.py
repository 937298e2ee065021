"""The command line: `vestibule` where the site is installed, `manage.py` in a checkout."""

import errno
import gc
import os
import sys

from django.core.management import execute_from_command_line

from portal.configuration import streams
from portal.configuration.numbers import seconds
from portal.operations import faults

_LIMITS = ("VESTIBULE_DATABASE_STATEMENT", "VESTIBULE_DATABASE_LOCK", "VESTIBULE_DATABASE_WAIT")
# Each wait of these ends: nobody watches them, and the doctor is asked when something hangs. One
# batch of the clean-up may take minutes, as may counting what is sealed. None is the site's own.
_ENDING: dict[str, tuple[str | None, ...]] = {
    "deliver_outbox": (None, None, None),
    "clear_expired": ("300", "300", "330"),
    "doctor": ("0", None, "300"),  # where a pooler refuses time-outs, it is given none
}
_INTERRUPTED = 130  # the status of a shell for what Ctrl-C has ended
_UNREAD = 141  # that of what SIGPIPE has ended
# They change nothing: whoever reads their first lines alone (`| head`) has all that they want.
_PRINTING = {"check", "doctor", "help", "showmigrations", "upgrade_check"}
# A migration takes as long as it takes; the time-outs are for the people who wait for a page.
_FOR_EVER = ("0", "0", "0")
# Nearly all that is allocated while Django is loaded stays: Python's own limit of 700 makes the
# collector walk over it time and again, a sixth of what a short command takes.
_ALLOCATED = 100_000


def main() -> None:
    """Run the command named on the command line: `demo`, `sources`, `upgrade-check` and Django's
    own. Raises `Misconfigured` for a time-out that is none, though the command has its own, and
    `SystemExit` with one sentence for what an operator can mend; `--traceback` shows where it was.
    """
    gc.set_threshold(_ALLOCATED)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    named = [each if each.startswith("-") else each.replace("-", "_") for each in sys.argv[1:2]]
    for name, limit in zip(_LIMITS, _ENDING.get("".join(named), _FOR_EVER), strict=True):
        if limit is not None:
            seconds(name, default=0)  # what the workers refuse is refused here as well
            os.environ[name] = limit
    streams.prepare()
    try:
        execute_from_command_line([*sys.argv[:1], *named, *sys.argv[2:]])
        sys.stdout.flush()
    except faults.TOLD as error:
        prints = not _PRINTING.isdisjoint(named) or sys.argv[2:3] == ["export"]
        if prints and isinstance(error, streams.Unheard) and error.errno == errno.EPIPE:
            sys.exit(_UNREAD)
        said = faults.sentence(error)
        if not said or "--traceback" in sys.argv:
            raise
        sys.stderr.write(f"CommandError: {said}\n")
        sys.exit(_INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1)
    finally:
        streams.settle()

"""The command line: `vestibule` where the site is installed, `manage.py` in a checkout."""

import os
import sys

from django.core.management import execute_from_command_line

from portal.configuration.numbers import seconds

_LIMITS = ("VESTIBULE_DATABASE_STATEMENT", "VESTIBULE_DATABASE_LOCK", "VESTIBULE_DATABASE_WAIT")
# Nobody watches these, so each of their waits ends. A batch of the clean-up may take minutes.
_UNWATCHED: dict[str, tuple[str, ...] | None] = {
    "deliver_outbox": None,  # the site's own
    "clear_expired": ("300", "300", "330"),
}
# A migration takes as long as it takes; the time-outs are for the people who wait for a page.
_FOR_EVER = ("0", "0", "0")


def main() -> None:
    """Run the command named on the command line: `demo`, `sources`, `upgrade-check` and Django's
    own. Raises `Misconfigured` for a time-out that is none, though the command has its own.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    named = [each if each.startswith("-") else each.replace("-", "_") for each in sys.argv[1:2]]
    if limits := _UNWATCHED.get("".join(named), _FOR_EVER):
        for name, limit in zip(_LIMITS, limits, strict=True):
            seconds(name, default=0)  # what the workers refuse is refused here as well
            os.environ[name] = limit
    execute_from_command_line([*sys.argv[:1], *named, *sys.argv[2:]])

"""The command line: `vestibule` where the site is installed, `manage.py` in a checkout."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named on the command line: `demo`, `sources`, `upgrade-check` and Django's
    own.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    # A migration takes as long as it takes; the time-outs are for the people who wait for a page.
    named = ("VESTIBULE_DATABASE_STATEMENT", "VESTIBULE_DATABASE_LOCK", "VESTIBULE_DATABASE_WAIT")
    os.environ.update(dict.fromkeys(named, "0"))
    named = [each if each.startswith("-") else each.replace("-", "_") for each in sys.argv[1:2]]
    execute_from_command_line([*sys.argv[:1], *named, *sys.argv[2:]])

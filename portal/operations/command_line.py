"""The command line: `vestibule` where the site is installed, `manage.py` in a checkout."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named on the command line: `demo`, `sources`, `migrate` and Django's own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    execute_from_command_line(sys.argv)

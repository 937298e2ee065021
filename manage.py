#!/usr/bin/env python
"""The command line of Vestibule: `manage.py demo`, `sources`, `migrate` and Django's own."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command named on the command line; in a checkout, the demo has its own settings."""
    has_demo = Path(__file__).with_name("tests").joinpath("sandbox").is_dir()
    if has_demo and sys.argv[1:2] == ["demo"]:
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.sandbox.site"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

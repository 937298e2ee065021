#!/usr/bin/env python
"""The command line of Vestibule in a checkout; an installed site calls it `vestibule`."""

import os
import sys
from pathlib import Path

from portal.operations.command_line import main

if __name__ == "__main__":
    has_demo = Path(__file__).with_name("tests").joinpath("sandbox").is_dir()
    if has_demo and sys.argv[1:2] == ["demo"]:  # which has settings of its own
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.sandbox.site"
    main()

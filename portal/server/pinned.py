"""One version for the whole life of a process, wherever a symbolic link leads meanwhile."""

import os
import sys


def pin() -> None:
    """Let Python find all that is imported from here on in the folders to which links lead now.

    A release is installed beside the former one, and a link says which is served (docs/moving.md
    4). Without this a worker of the former release, whose path has the link in it, would load
    what it has not needed yet from the new one.
    """
    sys.path[:] = map(os.path.realpath, sys.path)
    for module in [*sys.modules.values()]:
        found = getattr(module, "__path__", None)
        if isinstance(found, list):  # that of a namespace package follows the others by itself
            found[:] = map(os.path.realpath, found)

"""Where the application of files stands: what the environment of its process says."""

from __future__ import annotations

from portal.configuration.addresses import origin
from portal.configuration.env import env

DEFAULT_ORIGIN = "http://localhost:8004"


def files_origin() -> str:
    """Return the application's own origin: the site's host, so that the site's cookie arrives."""
    name = "VESTIBULE_SANDBOX_FILES_URL"
    return origin(name, env.str(name, default=DEFAULT_ORIGIN))

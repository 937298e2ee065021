"""Where the sandbox stands and whom it serves: what the environment of its process says.

The sandbox is another site than Vestibule's, so it has a place of its own to read this.
"""

from __future__ import annotations

from pathlib import Path

from portal.configuration.addresses import origin
from portal.configuration.env import data_directory, env

DEFAULT_ORIGIN = "http://127.0.0.1:8001"


def is_production() -> bool:
    """Tell whether this installation serves people in earnest."""
    return bool(env.str("VESTIBULE_ENV", default="") == "production")


def sandbox_origin() -> str:
    """Return the sandbox's own origin: another host than the site's, so another *site*."""
    name = "VESTIBULE_SANDBOX_URL"
    return origin(name, env.str(name, default=DEFAULT_ORIGIN))


def site_origin() -> str:
    """Return the origin of the only client, the Vestibule of the demo."""
    name = "VESTIBULE_SITE_URL"
    return origin(name, env.str(name, default="http://localhost:8000"))


def backchannel_logout_uri() -> str:
    """Return where ended sessions are told to the client; empty means that they are not told."""
    return str(env.str("VESTIBULE_SANDBOX_BACKCHANNEL", default=""))


def database() -> Path:
    """Return the file that holds keys, sessions and grants from one run to the next."""
    return data_directory() / "sandbox.sqlite3"

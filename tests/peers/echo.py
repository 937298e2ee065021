"""An application behind the site's own front that says what it was told: `granian` serves it.

`ECHO_TRUSTED` names the trusted proxies. At `/slow` it takes half a second.
"""

import json
import os
import time
from collections.abc import Iterable
from typing import Any

from portal.server.front import Front
from portal.server.proxies import TrustedProxies

DEADLINE = 2.0  # seconds, for a body
LARGEST, THREADS, MOST_WAITING = 1000, 2, 40


def told(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with each text of the environment, and with the body."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.5)
    body = environ["wsgi.input"].read().decode("latin-1")
    words = {name: value for name, value in environ.items() if isinstance(value, str)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({**words, "body": body}).encode()]


application = Front(
    told,
    TrustedProxies(os.environ.get("ECHO_TRUSTED", "").split(",")),
    threads=THREADS,
    deadline=DEADLINE,
    largest=LARGEST,
    most_waiting=MOST_WAITING,
    room=3 * LARGEST,
)

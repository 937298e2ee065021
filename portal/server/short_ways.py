"""Short ways: functions that know an answer before Django is asked
(docs/decisions/0009-short-ways.md).
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog

Environ = dict[str, Any]

# A short way may leave a function in the environment: it is called with Django's answer.
LEARN = "vestibule.learn"

# The logger of `portal.middleware.RequestLog`: whoever answers, the line is the same.
_NAME = "django_structlog.middlewares.request"
_logger, log = logging.getLogger(_NAME), structlog.get_logger(_NAME)


class Answer(NamedTuple):
    """An answer, as it is sent. `has_line`: the request is told of in the log."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    has_line: bool = True


# Returns None for what is not certain: then Django answers.
ShortWay = Callable[[Environ], Answer | None]


def writes_lines() -> bool:
    """Tell whether lines of requests are written at all."""
    return _logger.isEnabledFor(logging.INFO)


def write_line(environ: Environ, status: int) -> None:
    """Write the line in the log that Django's middleware writes for a request, as one that is
    nothing out of the ordinary.
    """
    if not writes_lines():
        return
    words = {
        "request_id": str(uuid.uuid4()),
        "ip": environ["REMOTE_ADDR"],
        "request": f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}",
    }
    log.info("request_finished", code=status, **words)

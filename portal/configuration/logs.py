"""Logs: one JSON line an event on standard output, with every secret taken out."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from accounts import database
from portal.configuration import outlet, streams

# What travels in URLs during a login and must not be in a log (RFC 9700, 4.2 and 4.3).
# An address within an address is encoded once for each level: `%3Fcode%3D`, `%253Fcode%253D`.
_SECRET = re.compile(
    r"(?i)(?:\b|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=%2525[0-9a-f]{2}))(code|state|nonce|code_verifier|access_token|refresh_token|id_token|id_token_hint|"
    r"logout_token|client_secret|password|token|identifier|flow|user_code|device_code|login_hint|"
    r"request|request_uri|client_assertion)"
    r"(=|%(?:25)*3D)(?:(?!%(?:25)*26)[^&\s\"'])+"
)
# What a path holds after these is worth a sign-in.
_PATHS = ("/login/reset/", "/device/qr/", "/login/letmein/")
_IN_PATH = re.compile(r"(/login/reset/[^/\s]+/|/device/qr/|/login/letmein/(?!enter\b))[^/?\s\"']+")


# Fields whose whole value is secret, by the end of their name.
_NAMED = re.compile(
    r"(?i)(password|secret|token|authorization|cookie|api_?key|verifier|nonce|private_?key)$"
)
REDACTED = "[redacted]"
# Shorter ones would be found in words.
SHORTEST = 8


class Redaction:
    """Takes secrets out of lines: the site's own, and what is one by its name or its place."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        words = sorted({each for each in own if len(each) >= SHORTEST}, key=len, reverse=True)
        self._own = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, _logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
        """Return a line without secrets, at whatever depth they stand."""
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: object, value: Any) -> Any:
        if value and not isinstance(value, bool) and _NAMED.search(str(key)):
            return REDACTED
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {name: self._clean(name, each) for name, each in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._clean("", each) for each in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._text(
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        )

    def _text(self, text: str) -> str:
        text = _redacted(text)
        return self._own.sub(REDACTED, text) if self._own else text


redact = Redaction()


def _redacted(text: str) -> str:
    # Looking whether there can be a secret at all spares most texts the searches.
    if "=" in text or "%" in text:
        text = _SECRET.sub(r"\1\2[redacted]", text)
    within = any(path in text for path in _PATHS)
    return _IN_PATH.sub(r"\1[redacted]", text) if within else text


class CallersMistake(logging.Filter):
    """Makes a warning without a traceback of what Django calls an error of the site's."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record, and tell whether it is written still."""
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = None
        return logging.getLogger().isEnabledFor(record.levelno)


class Outage(logging.Filter):
    """Leaves out, with its traceback, what Django calls an error of the site's while the database
    cannot be used. Who answers the request says so in one line (portal/pages/error_pages.py).
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is written."""
        return not (record.exc_info and database.is_down(record.exc_info[1]))


_LOGGERS: dict[str, dict[str, Any]] = {
    "django.request": {"level": "ERROR", "filters": ["outage"]},
    "django.security": {"level": "ERROR"},
    "django.security.DisallowedModelAdminLookup": {"filters": ["callers_mistake"]},
    "django.security.DisallowedModelAdminToField": {"filters": ["callers_mistake"]},
}


class Lines(logging.StreamHandler[Any]):
    """Writes lines. What cannot be written, on a full disk or to a reader who has gone, is lost."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing then: logging's own traceback has the line with its secrets in it."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configure(level: str, own: Iterable[str] = ()) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING, so that both write the same lines. `own` are
    the site's secrets, which no line holds.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # before any work is done for a line nobody writes
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if sys.stdout.isatty()
        else structlog.processors.JSONRenderer()
    )
    out = outlet.of(streams.of_lines())
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redaction(own),
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "filters": {"callers_mistake": {"()": CallersMistake}, "outage": {"()": Outage}},
        "handlers": {"out": {"()": Lines, "stream": out, "formatter": "line"}},
        "root": {"handlers": ["out"], "level": level},
        "loggers": _LOGGERS,
    }

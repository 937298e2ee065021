"""Logs: one JSON line an event on standard output, with every secret taken out."""

import re
import sys
from typing import Any

import structlog

# What travels in URLs during a login and must not be in a log (RFC 9700, 4.2 and 4.3).
# An address within an address is encoded once for each level: `%3Fcode%3D`, `%253Fcode%253D`.
_SECRET = re.compile(
    r"(?i)(?:\b|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=%2525[0-9a-f]{2}))(code|state|nonce|code_verifier|access_token|refresh_token|id_token|id_token_hint|"
    r"logout_token|client_secret|password|token|identifier|flow|user_code|device_code|login_hint|"
    r"request|request_uri|client_assertion)"
    r"(=|%(?:25)*3D)(?:(?!%(?:25)*26)[^&\s\"'])+"
)
_IN_PATH = re.compile(r"(/login/reset/[^/\s]+/|/device/qr/)[^/?\s\"']+")


def redact(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace the values of secret parameters in every text of a log line."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _redacted(value)
    return event


def _redacted(text: str) -> str:
    # Looking whether there can be a secret at all spares most texts the searches.
    if "=" in text or "%" in text:
        text = _SECRET.sub(r"\1\2[redacted]", text)
    within = "/login/reset/" in text or "/device/qr/" in text
    return _IN_PATH.sub(r"\1[redacted]", text) if within else text


def configure(level: str) -> dict[str, Any]:
    """Configure structlog and return Django's LOGGING, so that both write the same lines."""
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
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {
            "out": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "line"}
        },
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "ERROR"},
        },
    }

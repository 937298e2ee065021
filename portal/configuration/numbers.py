"""The numbers of the environment, read strictly: one that is taken for another does harm."""

import re
from datetime import timedelta

from portal.configuration.env import Misconfigured, env

_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Beyond these, moments and PostgreSQL's time-outs cannot be counted.
_AGE = 10**10
_WAIT = 10**6
_COUNT = 10**15


def whole(name: str, *, default: int, least: int = 1, most: int = _COUNT) -> int:
    """Return the whole number that `name` holds, the default where it is empty.

    Raises `Misconfigured` for one that is less or more, and for what is none, as with a unit.
    """
    return int(_given(name, _WHOLE, "whole number", (default, least, most)))


def lasting(name: str, *, default: int, least: int = 1) -> timedelta:
    """Return the time that `name` holds, in whole seconds, as `whole` does."""
    return timedelta(seconds=whole(name, default=default, least=least, most=_AGE))


def seconds(name: str, *, default: float, least: float = 0) -> float:
    """Return the time that `name` holds, in seconds and parts of them, as `whole` does."""
    return float(_given(name, _DECIMAL, "number", (default, least, _WAIT)))


def _given(
    name: str, form: re.Pattern[str], kind: str, limits: tuple[float, float, float]
) -> str | float:
    default, least, most = limits
    text = str(env.str(name, default="")).strip()
    if not text:
        return default
    if not form.fullmatch(text) or float(text) < least:
        said = f"{text!r} is no {kind} of {least:g} or more without a unit, such as {default:.15g}"
        raise Misconfigured(f"{name}: {said}")
    if float(text) > most:
        raise Misconfigured(f"{name}: {text!r} is more than {most:,}")
    return text

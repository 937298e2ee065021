"""References: where a secret among a source's settings lies, outside of the database.

`env:NAME` and `file:PATH` are read when the source is used. Neither may name what the site itself
is kept by: its keys, its database.
"""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts import conf

PREFIXES = ("env:", "file:")
# The site's own, each also as `<name>_FILE`.
_OWN = (
    *("VESTIBULE_SECRET_KEY", "VESTIBULE_SECRET_KEY_FALLBACKS", "VESTIBULE_VAULT_KEYS"),
    *("VESTIBULE_MAIL_URL", "DATABASE_URL", "REDIS_URL"),
    *("VESTIBULE_METRICS_TOKEN", "VESTIBULE_ALARM_WEBHOOK"),
)
# Where a process shows its own environment and memory.
_MACHINE = ("/proc", "/sys", "/dev")


def is_reference(value: Any) -> bool:
    """Tell whether the value of a setting names the place of a secret."""
    return isinstance(value, str) and value.startswith(PREFIXES)


def named(settings: Any) -> dict[str, str]:
    """Return the references among the settings of a source, by the setting's name."""
    settings = settings if isinstance(settings, Mapping) else {}
    return {name: value for name, value in settings.items() if is_reference(value)}


def opened(value: str) -> str:
    """Return the secret at the place that `value` names.

    Raises `KeyError`, `OSError` or `ValueError` when there is none, or it is the site's own.
    """
    scheme, _colon, rest = value.partition(":")
    if is_own(value):
        raise ValueError("the site's own")
    return os.environ[rest] if scheme == "env" else Path(rest).read_text().strip()


def is_own(value: str) -> bool:
    """Tell whether a reference names what the site itself is kept by."""
    scheme, _colon, rest = value.partition(":")
    if scheme == "env":
        return rest.removesuffix("_FILE") in _OWN
    place = _resolved(rest)
    if place is None or any(place.is_relative_to(folder) for folder in _MACHINE):
        return True
    named = {os.environ.get(f"{name}_FILE", "") for name in _OWN} - {""}
    own = {_resolved(each) for each in named}
    return place in own or place.is_relative_to(Path(conf.data()).resolve())


def is_open_to_administration(value: str) -> bool:
    """Tell whether an administrator may write this reference in a browser."""
    if is_own(value):
        return False
    scheme, _colon, rest = value.partition(":")
    if scheme == "env":
        prefix = conf.secret_env()
        return bool(prefix) and rest.startswith(prefix) and rest != prefix
    folder, place = conf.secret_files(), _resolved(rest)
    return bool(folder and place) and Path(folder).resolve() in place.parents  # type: ignore[union-attr]


def refuse_elsewhere(settings: Mapping[str, Any], secrets: Collection[str]) -> None:
    """Raise `ValidationError` for a reference that is no secret's, or names the site's own."""
    for name, value in named(settings).items():
        if name not in secrets:
            raise ValidationError({"settings": _("%s: only a secret may be a reference.") % name})
        if is_own(value):
            said = _("%s: this names what the site itself is kept by.") % name
            raise ValidationError({"settings": said})


def refuse_in_administration(name: str, value: str) -> None:
    """Raise `ValidationError` for a reference that only the terminal may write."""
    if is_reference(value) and not is_open_to_administration(value):
        places = {
            "name": name,
            "env": f"env:{conf.secret_env()}...",
            "files": f"file:{conf.secret_files()}/...",
        }
        said = _("%(name)s: here a reference begins with %(env)s or %(files)s.") % places
        raise ValidationError({"settings": said})


def _resolved(path: str) -> Path | None:
    """Return the place of a file, behind all links; None for what is no path."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        return None

"""The keys that the installation is given."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from accounts import conf as ground
from accounts.provider import Finding, verdict
from portal import conf
from portal.operations import checks


def findings(_look: Any) -> Iterator[Finding]:
    """Yield whether they could be guessed, or read by others on this machine."""
    yield verdict(
        checks.is_random(conf.secret_key()),
        _("VESTIBULE_SECRET_KEY cannot be guessed."),
        _("VESTIBULE_SECRET_KEY is short, or repeats itself."),
        _('Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'),
    )
    yield verdict(
        not any(checks.is_flat(key) for key in ground.vault_keys()),
        _("VESTIBULE_VAULT_KEYS cannot be guessed."),
        _("VESTIBULE_VAULT_KEYS holds a key that no chance has made."),
        _("Put a new one in front (openssl rand -base64 32), then: manage.py rotate_keys"),
    )
    yield from _own_file()


def _own_file() -> Iterator[Finding]:
    path = Path(conf.data_directory()) / "keys.json"
    if path.exists():
        yield verdict(
            not stat.S_IMODE(path.stat().st_mode) & 0o077,
            _("The keys that were made here are read by their owner only."),
            _("Others on this machine can read the keys in %s.") % path,
            _("Run: chmod 600 %s") % path,
        )

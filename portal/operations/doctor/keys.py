"""The keys that the installation is given."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from accounts import conf as ground
from accounts.keyring import key_ids
from accounts.provider import Finding, verdict
from portal import conf
from portal.operations import checks, rotation


def findings(look: Any) -> Iterator[Finding]:
    """Yield whether they could be guessed, or read by others on this machine, and which of the
    vault's are needed, unless `look` is quick.
    """
    yield verdict(
        checks.is_random(conf.secret_key()),
        _("VESTIBULE_SECRET_KEY cannot be guessed."),
        _("VESTIBULE_SECRET_KEY is short, or repeats itself."),
        _('Make one with: python3 -c "import secrets; print(secrets.token_urlsafe(50))"'),
    )
    yield verdict(
        not any(checks.is_flat(key) for key in ground.vault_keys()),
        _("VESTIBULE_VAULT_KEYS cannot be guessed."),
        _("VESTIBULE_VAULT_KEYS holds a key that is not random."),
        _("Put a new one in front (openssl rand -base64 32), then: manage.py rotate_keys"),
    )
    yield from _own_file()
    if not look.quick:
        yield from _needed()


def _needed() -> Iterator[Finding]:
    """Yield what each key of the vault seals, and what one seals that is not there."""
    ring = key_ids()
    for key, kinds in rotation.needed().items():
        told = {
            "key": key,
            "number": ring.index(key) + 1 if key in ring else 0,
            "what": ", ".join(f"{name} {count}" for name, count in kinds.items()),
        }
        if key not in ring:
            said = _("A key that is not in VESTIBULE_VAULT_KEYS (%(key)s) has sealed: %(what)s")
            fix = _("Put it back at the end; if it is lost: manage.py rotate_keys --forget-lost")
            yield Finding(False, said % told, fix)
        elif not kinds:
            said = _("Key %(number)d of VESTIBULE_VAULT_KEYS (%(key)s) seals nothing that is kept.")
            yield Finding(True, said % told)
        else:
            said = _("Key %(number)d of VESTIBULE_VAULT_KEYS (%(key)s) seals: %(what)s")
            fix = "" if key == ring[0] else _("Before you take it out: manage.py rotate_keys")
            yield Finding(True, said % told, fix)


def _own_file() -> Iterator[Finding]:
    path = Path(conf.data_directory()) / "keys.json"
    if path.exists():
        yield verdict(
            not stat.S_IMODE(path.stat().st_mode) & 0o077,
            _("The keys that were made here are read by their owner only."),
            _("Others on this machine can read the keys in %s.") % path,
            _("Run: chmod 600 %s") % path,
        )

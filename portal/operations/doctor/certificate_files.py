"""The certificates in files that settings name: of authorities, and of this site as a client."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from django.db import connection
from django.utils.translation import gettext as _

from accounts import conf
from accounts.cache import servers
from accounts.models import Source
from accounts.provider import Finding, verdict
from portal.operations.doctor.certificate import DAYS

LARGEST = 1024 * 1024
_SUFFIXES = {".pem", ".crt", ".cer"}
# What libpq and redis-py call the certificates of a server's authority, and of this client.
_OF_STORES = {"sslrootcert", "sslcert", "ssl_ca_certs", "ssl_certfile"}
_BEGINS = b"-----BEGIN CERTIFICATE-----"


def findings(_look: Any) -> Iterator[Finding]:
    """Yield for each file when the first of its certificates ends. Those of the site's own settings
    come first: without them the database, which holds the sources, may not answer.
    """
    for place, path in sorted(_of_settings()):
        yield from _judged(place, path, _certificates)
    for place, path in sorted(_of_sources()):
        yield from _judged(place, path, _perhaps_certificates)


def _judged(place: str, path: str, read: Callable[[Path], list[datetime]]) -> Iterator[Finding]:
    try:
        ends = read(Path(path))
    except (OSError, ValueError):
        said = _("%s: the certificate cannot be read.") % place
        yield Finding(False, said, _("Put it back, whole, for the site's user to read."))
        return
    if not ends:
        return
    days = (min(ends) - datetime.now(UTC)).days
    told = {"place": place, "days": days}
    yield verdict(
        days >= DAYS,
        _("%(place)s: the certificate is good for another %(days)d days.") % told,
        _("%(place)s: the certificate ends in %(days)d days.") % told,
        _("Put its successor into the file."),
    )


def _of_settings() -> Iterator[tuple[str, str]]:
    """Yield the files of the site's own settings, with the place where they are named."""
    if conf.http_limits().ca:
        yield "VESTIBULE_HTTP_CA", conf.http_limits().ca
    stores = {
        "DATABASE_URL": connection.settings_dict["OPTIONS"],
        "REDIS_URL": servers.read(conf.redis_url()).options if conf.redis_url() else {},
    }
    for store, options in stores.items():
        for name, value in options.items():
            if name in _OF_STORES and str(value).startswith("/"):
                yield f"{store}: {name}", str(value)


def _of_sources() -> Iterator[tuple[str, str]]:
    """Yield what looks like a file in the settings of sources, with the place."""
    for row in Source.objects.filter(enabled=True):
        for name, value in row.settings.items():
            if isinstance(value, str) and value.startswith("/"):
                yield f"{row.slug}: {name}", value


def _certificates(path: Path) -> list[datetime]:
    """Return when the certificates in a file end. Raises `OSError` or `ValueError` when it is not
    there, or holds none.
    """
    return [each.not_valid_after_utc for each in x509.load_pem_x509_certificates(path.read_bytes())]


def _perhaps_certificates(path: Path) -> list[datetime]:
    """Return when the certificates in a file end; nothing of a file that holds none.

    Raises `OSError` or `ValueError` when a certificate is named that cannot be read. What is named
    otherwise and is not there is none: a setting may be a path in an address.
    """
    if not path.is_file() and path.suffix not in _SUFFIXES:
        return []
    if path.stat().st_size > LARGEST:
        return []
    return _certificates(path) if _BEGINS in path.read_bytes() else []

"""The static files of this version, of which production serves those that were collected.

A page that names one which was not is an error, and so is the page that would say so.
"""

from typing import Any

from django.apps import apps
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage

COMMAND = "manage.py collectstatic --no-input"


def is_nothing() -> bool:
    """Tell whether nothing is collected where it must be."""
    return getattr(staticfiles_storage, "hashed_files", None) == {}


def missing() -> list[str]:
    """Return the names of the files of this version that must be collected and are not, as after an
    upgrade.
    """
    known = getattr(staticfiles_storage, "hashed_files", None)
    if known is None:
        return []
    app: Any = apps.get_app_config("staticfiles")
    own = {name for finder in get_finders() for name, _storage in finder.list(app.ignore_patterns)}
    return sorted(own - known.keys())

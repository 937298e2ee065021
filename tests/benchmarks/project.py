"""What the Django projects of the bench have alike: Django's own defaults, and nothing else."""

import os
from collections.abc import Sequence
from typing import Any

import django
from django.conf import settings


def begin(urls: str, apps: Sequence[str] = (), middleware: Sequence[str] = (), **more: Any) -> None:
    """Set up a project whose addresses are the module `urls`, with these apps and middlewares
    beside Django's, and further settings. Its database is the file `BENCH_DATABASE`, kept open.
    """
    kept: dict[str, Any] = {"CONN_MAX_AGE": None, "ENGINE": "django.db.backends.sqlite3"}
    database = {**kept, "NAME": os.environ.get("BENCH_DATABASE", "")}
    known = {
        "SECRET_KEY": "bench" * 10,
        "ALLOWED_HOSTS": ["*"],
        "ROOT_URLCONF": urls,
        "INSTALLED_APPS": [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            *apps,
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            *middleware,
        ],
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.Argon2PasswordHasher"],
        "DATABASES": {"default": database},
    }
    settings.configure(**{**known, **more})
    django.setup()

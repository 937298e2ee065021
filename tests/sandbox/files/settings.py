"""The settings of the process of the application of files: the sandbox's, with other pages.

It shares a host with the site, and cookies ignore ports, so no name occurs twice.
"""

from __future__ import annotations

from tests.sandbox import settings as sandbox

DEBUG = False
SECRET_KEY = sandbox.SECRET_KEY
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.sandbox.files.urls"
WSGI_APPLICATION = "tests.sandbox.files.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.staticfiles", "csp", "tests.sandbox", "tests.sandbox.files",
]  # fmt: skip
MIDDLEWARE = [
    *(each for each in sandbox.MIDDLEWARE if not each.startswith("tests.")),
    "tests.sandbox.files.front.Front",
]
TEMPLATES = sandbox.TEMPLATES
DATABASES: dict[str, object] = {}

CSRF_COOKIE_NAME = "files-csrf"
LANGUAGE_COOKIE_NAME = "files-language"
CONTENT_SECURITY_POLICY = sandbox.CONTENT_SECURITY_POLICY
SECURE_REFERRER_POLICY = sandbox.SECURE_REFERRER_POLICY
X_FRAME_OPTIONS = sandbox.X_FRAME_OPTIONS
DATA_UPLOAD_MAX_MEMORY_SIZE = sandbox.DATA_UPLOAD_MAX_MEMORY_SIZE

LANGUAGE_CODE = sandbox.LANGUAGE_CODE
LANGUAGES = sandbox.LANGUAGES
TIME_ZONE = sandbox.TIME_ZONE
USE_TZ = True

STATIC_URL = sandbox.STATIC_URL
STATIC_ROOT = sandbox.STATIC_ROOT
STATICFILES_DIRS = sandbox.STATICFILES_DIRS
STORAGES = sandbox.STORAGES
WHITENOISE_USE_FINDERS = True
LOGGING = sandbox.LOGGING

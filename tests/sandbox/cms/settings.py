"""The settings of the CMS's own process: the sandbox's, with other pages and other cookies.

The CMS shares a host with the site, and cookies ignore ports, so no name occurs twice.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.sandbox import settings as sandbox
from tests.sandbox.cms import conf

DEBUG = False
SECRET_KEY = sandbox.SECRET_KEY
ALLOWED_HOSTS = [str(urlsplit(conf.cms_origin()).hostname), "localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.sandbox.cms.urls"
WSGI_APPLICATION = "tests.sandbox.cms.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.staticfiles", "csp", "tests.sandbox", "tests.sandbox.cms",
]  # fmt: skip
MIDDLEWARE = [
    *(each for each in sandbox.MIDDLEWARE if not each.startswith("tests.")),
    "tests.sandbox.cms.controls.ControlsMiddleware",
]
TEMPLATES = sandbox.TEMPLATES
DATABASES: dict[str, object] = {}

CSRF_COOKIE_NAME = "cms-csrf"
LANGUAGE_COOKIE_NAME = "cms-language"
_DIRECTIVES = sandbox.CONTENT_SECURITY_POLICY["DIRECTIVES"]
_FORM_ACTION = [*_DIRECTIVES["form-action"], *filter(None, [conf.bibdk_origin()])]
CONTENT_SECURITY_POLICY = {"DIRECTIVES": {**_DIRECTIVES, "form-action": _FORM_ACTION}}
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

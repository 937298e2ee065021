"""The settings of the sandbox's own process: Django in miniature, without a database of models.

What people see (languages, static files, logs) is the site's; secrets and cookies are its own.
Cookies ignore ports, and later parts of the sandbox share a host with the site, so no name occurs
twice.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from csp.constants import SELF

from portal import settings as site
from portal.configuration.env import Misconfigured
from tests.sandbox import conf, store

if conf.is_production():
    raise Misconfigured("The sandbox does not run in production.")

DEBUG = False
SECRET_KEY = store.secret_key()
ALLOWED_HOSTS = [str(urlsplit(conf.sandbox_origin()).hostname), "localhost"]
ROOT_URLCONF = "tests.sandbox.urls"
WSGI_APPLICATION = "tests.sandbox.wsgi.application"
INSTALLED_APPS = ["django.contrib.staticfiles", "csp", "tests.sandbox", "tests.sandbox.unilogin"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tests.sandbox.faults.FaultMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES: dict[str, object] = {}

CSRF_COOKIE_NAME = "sandbox-csrf"
LANGUAGE_COOKIE_NAME = "sandbox-language"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        **site.CONTENT_SECURITY_POLICY["DIRECTIVES"],
        # Chromium holds the redirect that answers a form to this as well.
        "form-action": [SELF, conf.site_origin()],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

LANGUAGE_CODE = site.LANGUAGE_CODE
LANGUAGES = site.LANGUAGES
TIME_ZONE = site.TIME_ZONE
USE_TZ = True

STATIC_URL = site.STATIC_URL
STATIC_ROOT = site.STATIC_ROOT
STATICFILES_DIRS = site.STATICFILES_DIRS
STORAGES = site.STORAGES
WHITENOISE_USE_FINDERS = True
LOGGING = site.LOGGING

# What accounts/http needs: back-channel logout is an outbound call like any other.
VESTIBULE_THREADS = site.VESTIBULE_THREADS
VESTIBULE_HTTP_CONNECT = site.VESTIBULE_HTTP_CONNECT
VESTIBULE_HTTP_DEADLINE = 2.0
VESTIBULE_HTTP_MAX_BYTES = 64 * 1024
VESTIBULE_HTTP_PER_UPSTREAM = site.VESTIBULE_HTTP_PER_UPSTREAM
VESTIBULE_HTTP_CA = ""
VESTIBULE_HTTP_PLAIN = True
VESTIBULE_HTTP_INSIDE = True

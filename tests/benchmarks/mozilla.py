"""A small Django project that signs in by mozilla-django-oidc, as both come: their own defaults.

What must be said is said: the provider, the client, the algorithm. The database is of the kind that
ours has, with its connections kept, so that the two differ in the login alone.
"""

import os

import django
import environ
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

ISSUER = os.environ["BENCH_ISSUER"]

settings.configure(
    SECRET_KEY="bench" * 10,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    LOGIN_REDIRECT_URL="/",
    LOGIN_REDIRECT_URL_FAILURE="/failed",
    OIDC_RP_CLIENT_ID=os.environ["BENCH_CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["BENCH_CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/jwks",
    DATABASES={
        "default": {
            **environ.Env.db_url_config(os.environ["BENCH_DATABASE_URL"]),
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()
call_command("migrate", verbosity=0)


def whoami(request: HttpRequest) -> JsonResponse:
    """Say who is signed in."""
    return JsonResponse({"isLoggedIn": request.user.is_authenticated})


urlpatterns = [path("oidc/", include("mozilla_django_oidc.urls")), path("", whoami)]
application = get_wsgi_application()

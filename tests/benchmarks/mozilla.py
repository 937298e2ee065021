"""A small Django project that signs in by mozilla-django-oidc, as both come: their own defaults.

What must be said is said: the provider, the client, the algorithm. The database is of the kind that
ours has, with its connections kept, so that the two differ in the login alone.
"""

import os

import environ
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from tests.benchmarks import project

ISSUER = os.environ["BENCH_ISSUER"]

project.begin(
    __name__,
    ["django.contrib.messages", "mozilla_django_oidc"],
    [
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
call_command("migrate", verbosity=0)


def whoami(request: HttpRequest) -> JsonResponse:
    """Say who is signed in."""
    return JsonResponse({"isLoggedIn": request.user.is_authenticated})


urlpatterns = [path("oidc/", include("mozilla_django_oidc.urls")), path("", whoami)]
application = get_wsgi_application()

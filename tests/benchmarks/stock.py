"""Django as it comes: sessions in the database, the preset Argon2, default middleware."""

import os

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

settings.configure(
    SECRET_KEY="bench" * 10,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["BENCH_DATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()

from django.contrib.auth import authenticate, login  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

call_command("migrate", verbosity=0)
if not User.objects.exists():
    User.objects.create_user(os.environ["BENCH_USER"], password=os.environ["BENCH_PASSWORD"])


def enter(request: HttpRequest) -> HttpResponse:
    """Sign in with the password of the environment."""
    name, password = os.environ["BENCH_USER"], os.environ["BENCH_PASSWORD"]
    user = authenticate(request, username=name, password=password)
    if user is not None:
        login(request, user)
    return HttpResponse(status=204)


def whoami(request: HttpRequest) -> JsonResponse:
    """Say who is signed in."""
    return JsonResponse({"isLoggedIn": True, "user": {"name": request.user.get_username()}})


urlpatterns = [path("enter", enter), path("whoami", whoami), path("", whoami)]
application = get_wsgi_application()

"""A Django project with django-allauth, which tells a front end who is signed in."""

import sys
from pathlib import Path

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.benchmarks import project

sys.path.append(str(Path(__file__).parent / ".peers" / "python"))

project.begin(
    __name__,
    ["django.contrib.messages", "allauth", "allauth.account", "allauth.headless"],
    [
        "django.contrib.messages.middleware.MessageMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
)

from django.contrib.auth import login  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

call_command("migrate", verbosity=0)
_person, _made = User.objects.get_or_create(username="bench")


def enter(request: HttpRequest) -> HttpResponse:
    """Sign in, without a password: what that costs is not asked here."""
    login(request, _person, "allauth.account.auth_backends.AuthenticationBackend")
    return HttpResponse(status=204)


urlpatterns = [
    path("enter", enter),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
application = get_wsgi_application()

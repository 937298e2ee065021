"""Django as it comes: sessions in the database, the preset Argon2, default middleware."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from tests.benchmarks import project

project.begin(__name__)

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

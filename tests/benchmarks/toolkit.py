"""django-oauth-toolkit as it comes: its device grant, with `BENCH_DEVICES` of them waiting."""

import os
from datetime import timedelta

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path
from django.utils import timezone

from tests.benchmarks import project

project.begin(__name__, ["oauth2_provider"], USE_TZ=True)

from oauth2_provider.models import (  # noqa: E402
    get_application_model,
    get_device_grant_model,
)
from oauth2_provider.views import TokenView  # noqa: E402

call_command("migrate", verbosity=0)
Application, Device = get_application_model(), get_device_grant_model()
if not Application.objects.exists():
    Application.objects.create(
        client_id="tv",
        client_type="public",
        authorization_grant_type=Application.GRANT_DEVICE_CODE,
    )
    ends = timezone.now() + timedelta(seconds=1800)
    Device.objects.bulk_create(
        (
            Device(client_id="tv", device_code=f"code-{n}", user_code=f"U{n}", expires=ends)
            for n in range(int(os.environ["BENCH_DEVICES"]))
        ),
        batch_size=1000,
    )

urlpatterns = [path("oauth/token", TokenView.as_view())]
application = get_wsgi_application()

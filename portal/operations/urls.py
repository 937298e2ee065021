"""What operators and their machines ask (docs/contract.md 7)."""

from django.urls import path

from portal.operations import health

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]

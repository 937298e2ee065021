"""What a front end calls (CONTRACT.md 1)."""

from django.urls import path

from portal.api.views import SessionView, SourcesView

urlpatterns = [
    path("auth/session", SessionView.as_view(), name="auth-session"),
    path("auth/sources", SourcesView.as_view(), name="auth-sources"),
]

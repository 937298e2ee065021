"""What a front end calls (docs/contract.md 1, 2 and 5), and the description of it."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from accounts.middleware import own_renewal
from portal.api.json_view import SchemaView
from portal.api.session import DetailsView, SessionView, UpstreamTokenView
from portal.api.sources import ProvidersView, SourcesView
from portal.api.tokens import HandOverView, LoginView, LogoutView, RefreshView

urlpatterns = [
    path("auth/session", SessionView.as_view(), name="auth-session"),
    path("auth/sources", SourcesView.as_view(), name="auth-sources"),
    path("auth/upstream-token", UpstreamTokenView.as_view(), name="upstream-token"),
    path("session/login", LoginView.as_view(), name="session-login"),
    path("session/refresh", own_renewal(RefreshView.as_view()), name="session-refresh"),
    path("session/refreshToken", own_renewal(RefreshView.as_view()), name="session-refresh-token"),
    path("session/logout", LogoutView.as_view(), name="session-logout"),
    path("users/user/details", DetailsView.as_view(), name="user-details"),
    path("openid/providers", ProvidersView.as_view(), name="openid-providers"),
    path("openid/<slug:slug>/tokens", HandOverView.as_view(), name="openid-tokens"),
    path("api/schema/", login_not_required(SchemaView.as_view()), name="schema"),
]

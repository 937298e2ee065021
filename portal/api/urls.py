"""What a front end calls (CONTRACT.md 1, 2 and 5), and the description of it."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path

from accounts.middleware import own_upkeep
from portal.api import openid
from portal.api.person import DetailsView
from portal.api.schema import SchemaView
from portal.api.tokens import LoginView, LogoutView, RefreshView
from portal.api.upstream import UpstreamTokenView
from portal.api.views import SessionView, SourcesView

urlpatterns = [
    path("auth/session", SessionView.as_view(), name="auth-session"),
    path("auth/sources", SourcesView.as_view(), name="auth-sources"),
    path("auth/upstream-token", UpstreamTokenView.as_view(), name="upstream-token"),
    path("session/login", LoginView.as_view(), name="session-login"),
    path("session/refresh", own_upkeep(RefreshView.as_view()), name="session-refresh"),
    path("session/refreshToken", own_upkeep(RefreshView.as_view()), name="session-refresh-token"),
    path("session/logout", LogoutView.as_view(), name="session-logout"),
    path("users/user/details", DetailsView.as_view(), name="user-details"),
    path("openid/providers", openid.ProvidersView.as_view(), name="openid-providers"),
    path("openid/<slug:slug>/tokens", openid.TokensView.as_view(), name="openid-tokens"),
    path("api/schema/", login_not_required(SchemaView.as_view()), name="schema"),
]

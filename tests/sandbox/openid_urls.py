"""The addresses of an OpenID provider, below its realm's path."""

from django.urls import path

from tests.sandbox.views import authorize, discovery, end_session, token, token_care, userinfo
from tests.sandbox.views.home import leave

urlpatterns = [
    path(".well-known/openid-configuration", discovery.configuration),
    path("jwks", discovery.jwks),
    path("authorize", authorize.authorize),
    path("authorize/choose", authorize.choose),
    path("token", token.token),
    path("userinfo", userinfo.userinfo),
    path("introspect", token_care.introspect),
    path("revoke", token_care.revoke),
    path("end_session", end_session.end_session),
    path("end_session/confirm", end_session.confirm),
    path("leave", leave),
]

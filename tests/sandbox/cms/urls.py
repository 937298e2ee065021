"""The CMS's addresses, as far as another site meets them (docs/threats.md 2.2)."""

from django.urls import path
from django.views.i18n import set_language

from tests.sandbox.cms import controls, graphql, lookups, pages

urlpatterns = [
    path("", pages.front),
    path("login", pages.login),
    path("go-login", pages.go_login),
    path("logout", pages.logout),
    path("go-logout", pages.go_logout),
    path("bibdk/<str:act>", pages.bibdk),
    path("graphql", graphql.graphql),
    path("adgangsplatformen/userinfo/", lookups.userinfo),
    path("fbs/external/agencyid/patrons/patronid/v4", lookups.patron),
    path("trouble", controls.choose_fault),
    path("controls", controls.controls),
    path("healthz", controls.alive),
    path("i18n/setlang/", set_language, name="set_language"),
]

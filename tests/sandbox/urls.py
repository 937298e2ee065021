"""The sandbox's addresses: its front page, and a path for each realm."""

from django.urls import include, path
from django.views.i18n import set_language

from tests.sandbox.realms import OPENID
from tests.sandbox.views import home, mails

urlpatterns = [
    path("", home.home),
    path("trouble", home.choose_fault),
    path("mails", mails.mails),
    path("healthz", home.alive),
    path("i18n/setlang/", set_language, name="set_language"),
    path(f"{OPENID.name}/", include("tests.sandbox.openid_urls"), {"realm": OPENID}),
    path("", include("tests.sandbox.unilogin.urls")),
]

"""The stand-in's addresses: the broker's realm, the institution service, and a page for people."""

from django.urls import include, path

from tests.sandbox.unilogin import soap, views
from tests.sandbox.unilogin.broker import BROKER
from tests.sandbox.unilogin.faults import for_people, for_servers
from tests.sandbox.views import authorize, discovery, end_session, userinfo
from tests.sandbox.views.home import leave

AT = views.ENDPOINTS

broker_urls = [
    path(".well-known/openid-configuration", for_servers(views.configuration)),
    path(AT["jwks_uri"], for_servers(discovery.jwks)),
    path(AT["authorization_endpoint"], for_people(authorize.authorize)),
    path("authorize/choose", for_people(authorize.choose)),
    path(AT["token_endpoint"], for_servers(views.token)),
    path(AT["introspection_endpoint"], for_servers(views.introspect)),
    path(AT["userinfo_endpoint"], for_servers(userinfo.userinfo)),
    # Called by the site, not visited by browsers: it is as slow as the others.
    path(AT["end_session_endpoint"], for_servers(end_session.end_session)),
    path("end_session/confirm", for_people(end_session.confirm)),
    path("leave", leave),
]

urlpatterns = [
    path(f"{BROKER.name}/", include(broker_urls), {"realm": BROKER}),
    path("wsiinst-v5/ws", soap.service),
    path("unilogin/", views.home),
    path("unilogin/trouble", views.choose_fault),
]

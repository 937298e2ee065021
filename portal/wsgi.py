"""The WSGI application: Django behind the list of trusted proxies."""

import os

from django.core.wsgi import get_wsgi_application

from portal import conf
from portal.proxies import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = TrustedProxies(get_wsgi_application(), conf.trusted_proxies())

"""The WSGI application: Django behind the list of trusted proxies."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from portal.proxies import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = TrustedProxies(get_wsgi_application(), settings.VESTIBULE_TRUSTED_PROXIES)

"""The WSGI application: Django behind the list of trusted proxies."""

import os

from django.core.wsgi import get_wsgi_application

from portal import conf
from portal.operations.checks import refuse_unsound
from portal.proxies import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

_django = get_wsgi_application()
refuse_unsound()
application = TrustedProxies(_django, conf.trusted_proxies())

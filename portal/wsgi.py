"""The WSGI application: Django behind the list of trusted proxies."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from portal import conf
from portal.middleware import TrustedProxies
from portal.operations.checks import refuse_unsound

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

_django = get_wsgi_application()
refuse_unsound()
application = TrustedProxies(_django, conf.trusted_proxies())

# Whatever exists by now stays until the end: the collector need not walk over it time and
# again (a tenth of what a login costs). Only what requests leave behind is looked at from here on.
gc.collect()
gc.freeze()

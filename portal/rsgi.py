"""The application that granian serves: Django behind the front (docs/decisions/0007-rsgi.md)."""

import gc
import os

from django.core.wsgi import get_wsgi_application

from portal import conf
from portal.operations.checks import refuse_unsound
from portal.server.front import Front
from portal.server.proxies import TrustedProxies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

_django = get_wsgi_application()
refuse_unsound()
application = Front(
    _django,
    TrustedProxies(conf.trusted_proxies()),
    threads=conf.threads(),
    deadline=conf.body_deadline(),
    largest=conf.largest_body(),
)

# Whatever exists by now stays until the end: the collector need not walk over it time and
# again (a tenth of what a login costs). Only what requests leave behind is looked at from here on.
gc.collect()
gc.freeze()

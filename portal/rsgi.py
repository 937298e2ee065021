"""The application that granian serves: Django behind the front (docs/decisions/0007-rsgi.md)."""

from portal.server.pinned import pin

pin()

import gc
import os
import re

from django.core.wsgi import get_wsgi_application

from accounts.conf import frontend_origins
from accounts.offers import offered
from portal import conf
from portal.operations.checks import refuse_unsound
from portal.operations.metrics import numbers
from portal.server import unquoting
from portal.server.front import Front
from portal.server.kept import Kept
from portal.server.proxies import TrustedProxies
from portal.server.turns import Turns

unquoting.mend()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

_django = get_wsgi_application()

from accounts import ended  # its models come with the apps

refuse_unsound()
# What a front end and a web server ask time and again.
_OFTEN = r"/auth/session|/gateway/check(?s:/.*)?"

application = Front(
    _django,
    TrustedProxies(conf.trusted_proxies()),
    threads=conf.threads(),
    deadline=conf.body_deadline(),
    largest=conf.largest_body(),
    # An upstream's answers: the other threads are left to everybody who is signed in already. A
    # browser, and a proxy, wait for longer than the last in the queue.
    turns=Turns(
        re.compile(r"/auth/callback/|/openid/[^/]+/callback"),
        at_once=max(1, (conf.threads() - 1) * 3 // 4),
        seconds=40.0,
    ),
    short_ways=offered("short_way") if conf.fast_path() else (),
    at_hand=offered("at_hand") if conf.fast_path() else (),
    kept=Kept(_OFTEN, 16 * 2**20, ended) if conf.fast_path() else None,
    watch=numbers.standing if conf.metrics_are_read() else None,
    workers=conf.workers(),
    origins=frontend_origins(),
)

# Whatever exists by now stays until the end: the collector need not walk over it time and
# again (a tenth of what a login costs). Only what requests leave behind is looked at from here on.
gc.collect()
gc.freeze()

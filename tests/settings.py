"""The site as the tests run it: the real settings, one more tenant, plain http on loopback."""

import atexit
import shutil
import tempfile
from os import environ

if "VESTIBULE_DATA" not in environ:
    environ["VESTIBULE_DATA"] = tempfile.mkdtemp(prefix="vestibule-tests-")
    atexit.register(shutil.rmtree, environ["VESTIBULE_DATA"], ignore_errors=True)
environ.setdefault("VESTIBULE_LOG_LEVEL", "WARNING")

from portal.settings import *  # noqa: F403
from portal.settings import ALLOWED_HOSTS, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tenant"]
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
VESTIBULE_HTTP_PLAIN = True
VESTIBULE_HTTP_DEADLINE = 1.0

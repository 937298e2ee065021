"""The site as the tests run it: the real settings, one more tenant, plain http on loopback."""

import atexit
import shutil
import tempfile
from os import environ
from urllib.parse import urlsplit

if "VESTIBULE_DATA" not in environ:
    environ["VESTIBULE_DATA"] = tempfile.mkdtemp(prefix="vestibule-tests-")
    atexit.register(shutil.rmtree, environ["VESTIBULE_DATA"], ignore_errors=True)
environ.setdefault("VESTIBULE_LOG_LEVEL", "WARNING")
# A machine that is busy with the tests is not in trouble (tests/peers/patience.py).
environ.setdefault("VESTIBULE_DATABASE_CONNECT", "10")
environ.setdefault("VESTIBULE_DATABASE_STATEMENT", "60")
environ.setdefault("VESTIBULE_DATABASE_LOCK", "60")
if environ.get("REDIS_URL") and "PYTEST_XDIST_WORKER" in environ:  # sixteen databases for each
    _first = 16 * int(environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    environ["REDIS_URL"] = urlsplit(environ["REDIS_URL"])._replace(path=f"/{_first}").geturl()

from portal.settings import *  # noqa: F403
from portal.settings import ALLOWED_HOSTS, CACHES, INSTALLED_APPS, REDIS_URL

INSTALLED_APPS = [*INSTALLED_APPS, "tests.tenant"]
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]
VESTIBULE_HTTP_PLAIN = True
VESTIBULE_HTTP_INSIDE = True  # every upstream of a test is on this machine

VESTIBULE_HTTP_CONNECT = 10.0
if REDIS_URL:
    for _cache in CACHES.values():
        _cache["OPTIONS"] |= {"SOCKET_CONNECT_TIMEOUT": 10, "SOCKET_TIMEOUT": 10}

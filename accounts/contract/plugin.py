"""The pytest plugin for a provider's own tests: `-p accounts.contract.plugin`.

It goes before pytest-django: the site's settings, on a database of its own that is thrown away, and
upstreams on this machine that may be called by plain http.
"""

import atexit
import os
import shutil
import tempfile

_OURS = ("VESTIBULE_", "DATABASE_URL", "REDIS_URL")

for _name in [name for name in os.environ if name.startswith(_OURS)]:
    del os.environ[_name]  # an installation's own database is nothing to try things out on
_folder = tempfile.mkdtemp(prefix="vestibule-contract-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.update(
    DJANGO_SETTINGS_MODULE="portal.settings",
    VESTIBULE_DATA=_folder,
    VESTIBULE_HTTP_PLAIN="1",
    VESTIBULE_HTTP_INSIDE="1",
)

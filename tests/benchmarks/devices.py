"""What one poll of a device costs that waits, beside django-oauth-toolkit's own view; and whether
it grows with their number.

Each device polls once, so that none is told to slow down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, cycle
from urllib.parse import urlencode

from tests.benchmarks.client import Browser
from tests.benchmarks.measuring import in_turns, report_all
from tests.benchmarks.servers import Served, toolkit
from tests.peers.site import Site

FEW, MANY = 1_000, 100_000
ROUNDS, AT_ONCE = 7, 60
_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_FURNISH = """
from datetime import timedelta
from django.utils import timezone
from accounts.keyring import digest
from portal.authorization_server.devices import ALPHABET
from portal.authorization_server.models import Client, DeviceGrant
client, _made = Client.objects.get_or_create(client_id="tv", defaults={"kind": "device"})
ends = timezone.now() + timedelta(seconds=1800)
def letters(number):
    found = ""
    for _ in range(8):
        number, rest = divmod(number, 20)
        found += ALPHABET[rest]
    return found
DeviceGrant.objects.bulk_create((
    DeviceGrant(application=client, client_id="tv", device_code=digest(f"code-{n}"),
                user_code=letters(n), scope="openid", expires=ends)
    for n in range(FIRST, LAST)), batch_size=1000)
"""


def measure(site: Site, slow: Site) -> None:
    """Measure with few and with many that wait, and print what one poll costs. `slow` is the site
    without the fast path.
    """
    numbers = {site.url: count(), slow.url: count()}
    ours = {"ours": site, "ours, by Django": slow}
    with toolkit(FEW) as theirs:
        first = 0
        for last in (FEW, MANY):
            cases = {"django-oauth-toolkit": (theirs, _poll(theirs.url, _around(FEW)))}
            for label, each in ours.items():
                code = f"FIRST, LAST = {first}, {last}\n{_FURNISH}"
                each.manage("shell", "--verbosity=0", stdin=code)
                cases[label] = (_served(each), _poll(each.url, numbers[each.url]))
            first = last
            print(f"CPU of one poll of a device that waits, of {last:,}")
            report_all(in_turns(cases, AT_ONCE, ROUNDS), "django-oauth-toolkit")


def _served(site: Site) -> Served:
    if site.process is None:
        raise RuntimeError("the site has ended")
    return Served(site.url, site.process.pid)


def _around(many: int) -> Iterator[int]:
    """Yield the numbers of devices; the toolkit lets one poll as often as it likes."""
    return cycle(range(many))


def _poll(url: str, numbers: Iterator[int]) -> Callable[[], None]:
    browser = Browser(url)

    def operation() -> None:
        fields = {
            "grant_type": _GRANT,
            "client_id": "tv",
            "device_code": f"code-{next(numbers)}",
        }
        status = browser.post("/oauth/token", urlencode(fields))
        if status != 400:
            raise RuntimeError(f"a poll answered {status}")

    return operation

"""What one poll of a device costs that waits, beside django-oauth-toolkit's own view; and whether
it grows with their number.

Each device polls once, so that none is told to slow down.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from urllib.parse import urlencode

from tests.benchmarks.client import Browser
from tests.benchmarks.servers import Served, toolkit
from tests.peers.site import Site

FEW, MANY, ROUNDS = 1_000, 100_000, 800
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


def measure(
    site: Site,
    ours: Served,
    per_operation: Callable[[Served, int, Callable[[], None]], float],
    report: Callable[..., None],
) -> None:
    """Measure with few and with many that wait, and print what one poll costs."""
    numbers = count()
    first = 0
    for last in (FEW, MANY):
        code = f"FIRST, LAST = {first}, {last}\n{_FURNISH}"
        site.manage("shell", "--verbosity=0", stdin=code)
        first = last
        said = f"ours: a poll of a device that waits, of {last:,}"
        report(said, per_operation(ours, ROUNDS // 2, _poll(site.url, numbers)))
    with ExitStack() as stack:
        theirs = stack.enter_context(toolkit(FEW))
        said = f"django-oauth-toolkit: the same, of {FEW:,}"
        report(said, per_operation(theirs, ROUNDS, _poll(theirs.url, count())))


def _poll(url: str, numbers: count[int]) -> Callable[[], None]:
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

"""How long the site waits for an upstream in a test: until a busy machine has answered, and not
much longer than a moment while one hangs on purpose.
"""

from __future__ import annotations

from django.conf import settings

from accounts import conf

LONG, SHORT = 20.0, 1.0  # seconds
# Where one of several calls is slow, which a stand-in answers after eight: the others are not.
BETWEEN = 4.0
# The same for a site in processes of its own.
VARIABLES = {
    "VESTIBULE_DATABASE_CONNECT": "10",
    "VESTIBULE_HTTP_CONNECT": "10",
    "VESTIBULE_HTTP_DEADLINE": "20",
}
# What a site has by itself, where it is measured how it bears what hangs.
USUAL = {
    "VESTIBULE_DATABASE_CONNECT": "2",
    "VESTIBULE_HTTP_CONNECT": "2",
    "VESTIBULE_HTTP_DEADLINE": "5",
}


def hangs(on_purpose: bool, deadline: float = SHORT) -> None:
    """Say whether an upstream lets the site wait from now on, and for how many seconds it does."""
    settings.VESTIBULE_HTTP_DEADLINE = deadline if on_purpose else LONG
    conf.read_anew()

"""Fixtures that do nothing for most tests, and are run for no other than the few they are for.

Each is asked of every test, reads its marks or an option, and goes: that is half of what an empty
test takes, some twenty thousand times in a gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

# What runs for every test -> the mark or the fixture without which it does nothing. Nobody clears
# the cache of django.contrib.sites, which is not installed; `_clean_start` empties the mailbox.
DOES_NOTHING_WITHOUT = {
    "_django_db_marker": "django_db",
    "_django_set_urlconf": "urls",
    "_django_isolate_apps": "django_isolate_apps",
    "_template_string_if_invalid_marker": "ignore_template_errors",
    "_live_server_helper": "live_server",
    "_django_clear_site_cache": "",
    "_dj_autoclear_mailbox": "",
}


def needed(names: Sequence[str], said: set[str]) -> list[str]:
    """Return the fixtures of a test that do something, of all its `names`.

    `said` are its marks.
    """
    here = said.union(names)
    return [name for name in names if DOES_NOTHING_WITHOUT.get(name, name) in here]


def spare(items: Iterable[pytest.Item]) -> None:
    """Let each test run no fixture that would do nothing for it."""
    for item in items:
        if names := getattr(item, "fixturenames", None):
            item.fixturenames = needed(names, {each.name for each in item.iter_markers()})  # type: ignore[attr-defined]

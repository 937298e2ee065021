"""What the checks at start would say, which refuse to serve."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import run_checks
from django.utils.translation import gettext as _

from accounts.provider import Finding


def findings(_look: Any) -> Iterator[Finding]:
    """Yield what is insecure or missing."""
    found = [each for each in run_checks(tags=["vestibule"]) if each.is_serious()]
    for each in found:
        yield Finding(False, f"{each.id}: {each.msg}", each.hint or _("See docs/configuration.md."))
    if not found:
        yield Finding(True, _("The settings fit together."))

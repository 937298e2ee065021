"""What the checks at start would say, which refuse to serve, and what nobody reads or finds."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import run_checks
from django.utils.translation import gettext as _

from accounts.provider import Finding
from portal import conf
from portal.operations import collected, variables


def findings(_look: Any) -> Iterator[Finding]:
    """Yield what is insecure or missing."""
    found = [each for each in run_checks(tags=["vestibule"]) if each.is_serious()]
    for each in found:
        yield Finding(False, f"{each.id}: {each.msg}", each.hint or _("See docs/configuration.md."))
    if not found:
        yield Finding(True, _("The settings fit together."))
    yield from variables.unread(conf.given_names(), conf.known_names(), {})
    if missing := collected.missing():
        said = _("%(count)d static files of this version are not collected, such as %(first)s.")
        told = {"count": len(missing), "first": missing[0]}
        fix = _("Run %s, and start the workers anew.") % collected.COMMAND
        yield Finding(False, said % told, fix)

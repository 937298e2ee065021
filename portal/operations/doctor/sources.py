"""Each source, as `sources check` has it, and what other rooms make of them."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Source
from accounts.offers import offered
from accounts.provider import Finding
from portal.operations import source_rows


def findings(_look: Any) -> Iterator[Finding]:
    """Yield what the self-test of each enabled source has found, with its slug before it."""
    rows = list(Source.objects.filter(enabled=True))
    for row in rows:
        for found in source_rows.findings(row):
            yield Finding(found.ok, f"{row.slug}: {found.message}", found.fix)
    for elsewhere in offered("examines_sources"):
        yield from elsewhere()
    if not rows:
        fix = _("Write one in the administration, or by manage.py sources apply.")
        yield Finding(False, _("No source is enabled: nobody can sign in."), fix)

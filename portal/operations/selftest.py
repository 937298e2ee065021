"""The live self-test of a source, for the command line and the admin."""

from __future__ import annotations

import structlog
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.errors import ProtocolError
from accounts.models import Source
from accounts.provider import Finding
from accounts.source import catalogue

log = structlog.get_logger("vestibule.sources")


def findings(row: Source) -> list[Finding]:
    """Test `row` live and return what was found. What goes wrong is a finding too; never raises."""
    try:
        return list(catalogue.instance(row).check())
    except ValidationError as error:
        fix = _("Correct the settings of the source.")
        return [Finding(ok=False, message=" ".join(error.messages), fix=fix)]
    except ProtocolError as error:
        fix = _("Look whether the upstream can be reached from this machine.")
        return [Finding(ok=False, message=error.description or error.error, fix=fix)]
    except Exception:  # a provider's defect must not hide the other sources
        log.exception("source.check_failed", source=row.slug)
        message, fix = _("The self-test itself failed."), _("The log says why.")
        return [Finding(ok=False, message=message, fix=fix)]

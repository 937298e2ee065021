"""The system check that keeps the sandbox out of production."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from tests.sandbox import conf


@register("vestibule")
def sandbox_is_not_in_production(**_: Any) -> list[CheckMessage]:
    """Whoever reaches the sandbox can be anybody: it has no place beside people in earnest."""
    if not conf.is_production():
        return []
    hint = "Take tests.sandbox out of INSTALLED_APPS."
    return [Error("The sandbox is installed in production.", hint=hint, id="vestibule.E040")]

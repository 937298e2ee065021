"""What every page knows: whose house this is, and who is here."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest

from portal import conf
from portal.door import incoming
from portal.pages import brand


def institution(request: HttpRequest) -> dict[str, Any]:
    """Return the context of every page: `institution` and `session`.

    A request that never met the session middleware belongs to nobody.
    """
    configured = conf.institution()
    return {
        "institution": {
            **configured,
            "colour": brand.normalised(configured["colour"]),
            "support_url": support_url(configured["support"]),
        },
        "session": incoming.session_of(request),
    }


def support_url(support: str) -> str:
    """Return the link for a support contact: an address, a mailbox or a telephone number.

    Anything else, such as "Ask at the desk", is a sentence and has no link: "" is returned.
    """
    if re.match(r"https?://", support):
        return support
    if re.fullmatch(r"[^\s@:/]+@[^\s@:/]+", support):
        return f"mailto:{support}"
    if re.fullmatch(r"\+?[\d\s()./-]{3,}", support):
        return "tel:" + re.sub(r"[^\d+]", "", support)
    return ""

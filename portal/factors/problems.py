"""What is said of a code that did not count."""

from typing import Any

from django.utils.translation import gettext as _

from accounts.errors import ProtocolError, TooManyRequests


def problem_of(error: ProtocolError) -> dict[str, Any]:
    """Return sentence, advice and support code of a wrong code, or of too many."""
    if isinstance(error, TooManyRequests):
        return {
            "sentence": _("There were too many attempts in a short time."),
            "advice": _("Wait five minutes, then try again."),
            "wait": True,
        }
    return {
        "sentence": _("This code is not right, or it was used before."),
        "advice": _("Wait for the next one, and check the time of the device that shows it."),
        "code": getattr(error, "support_code", ""),
    }

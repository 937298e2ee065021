"""What is said of a code that did not count."""

from typing import Any

from django.utils.translation import gettext as _

from accounts.errors import ProtocolError, TooManyRequests


def problem_of(error: ProtocolError, *, recovery: bool = False) -> dict[str, Any]:
    """Return sentence, advice and support code of a wrong code, or of too many. `recovery`: it was
    one of the sheet, which no clock makes wrong.
    """
    if isinstance(error, TooManyRequests):
        return {
            "sentence": _("There were too many attempts in a short time."),
            "advice": _("Wait five minutes, then try again."),
            "wait": True,
        }
    advice = _("Wait for the next one, and check the time of the device that shows it.")
    if recovery:
        advice = _("Compare it with your sheet, or type another one of it.")
    return {
        "sentence": _("This code is not right, or it was used before."),
        "advice": advice,
        "code": getattr(error, "support_code", ""),
    }

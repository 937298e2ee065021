"""What can go wrong with a call. Every error here is a `TemporarilyUnavailable`, so that a caller
needs to know only that one; none of them holds, or is chained to, anything of the call's content.
"""

from __future__ import annotations

from accounts.errors import TemporarilyUnavailable

RETRY_AFTER = 30


class CallFailed(TemporarilyUnavailable):
    """There is no usable answer. `kind` names the trouble in one word, for logs and operators."""

    def __init__(self, description: str, *, kind: str, retry_after: int = RETRY_AFTER) -> None:
        super().__init__(description, retry_after=retry_after)
        self.kind = kind


class RefusedUrl(CallFailed):
    """The address or a header must not be used. Nothing was sent; the configuration is wrong."""

    def __init__(self, description: str) -> None:
        super().__init__(description, kind=type(self).__name__)


class TooLargeError(OSError):
    """More bytes than allowed. An `OSError`, since the layers below pass that on from a socket."""


def innermost(error: BaseException) -> str:
    """Return the class name of the error at the bottom of what urllib3 wrapped.

    Their own messages quote the whole address with its query, so only the name may be kept.
    """
    while (inner := _wrapped(error)) is not None:
        error = inner
    return type(error).__name__


def _wrapped(error: BaseException) -> BaseException | None:
    candidates = (getattr(error, "reason", None), *reversed(error.args))
    return next((each for each in candidates if isinstance(each, BaseException)), None)

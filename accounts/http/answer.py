"""What an upstream answered, or the error that says that it did not.

Every error here is a `TemporarilyUnavailable`, so that a caller needs to know only that one; none
of them holds, or is chained to, anything of the call's content.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from django.utils.translation import gettext, gettext_lazy, gettext_noop

from accounts.errors import BUSY, ProtocolError, Said, TemporarilyUnavailable

# The kind of a call that was not made for want of a place.
NO_PLACE = "Busy"
# What people are told of the kinds that they can do something about.
_KINDS = {
    "CertificateExpired": gettext_lazy("its certificate has expired"),
    "CertificateOfAnother": gettext_lazy("its certificate is for another name"),
    "ConnectTimeoutError": gettext_lazy("it cannot be reached in time"),
    "NewConnectionError": gettext_lazy("it cannot be reached"),
    "ReadTimeoutError": gettext_lazy("it takes too long"),
    "SSLCertVerificationError": gettext_lazy("its certificate is not trusted"),
    "TooLargeError": gettext_lazy("it is too long"),
    "gaierror": gettext_lazy("the name has no address"),
}
_OF_CERTIFICATES = {"CertificateExpired", "CertificateOfAnother", "SSLCertVerificationError"}


class CallFailed(TemporarilyUnavailable):
    """There is no usable answer. `kind` names the trouble in one word, for logs and operators."""

    def __init__(self, description: str, *, kind: str, retry_after: int = 30) -> None:
        super().__init__(description, retry_after=retry_after)
        self.kind = kind
        if kind == NO_PLACE:
            self.reason = BUSY


class RefusedUrl(CallFailed):
    """The address or a header must not be used. Nothing was sent; the configuration is wrong."""

    def __init__(self, description: str) -> None:
        super().__init__(description, kind=type(self).__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers (names in any case) and the unpacked body.

    Redirects and errors (3xx, 4xx, 5xx) are answers too: see `ok`. Headers and body stay out of the
    repr, since they hold tokens and cookies.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as UTF-8, with a replacement character for what is not."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the parsed body (RFC 8259).

        Raises `TemporarilyUnavailable` when it is not JSON, or nested too deeply to be read.
        """
        # Raised outside, for the parser's own error keeps the whole body and must not be chained.
        with suppress(ValueError, RecursionError):
            return json.loads(self.body, parse_constant=_refuse)
        said = Said(gettext_noop("The answer of the upstream is not JSON."))
        raise CallFailed(said, kind="NotJson")

    def json_object(self, who: str) -> dict[str, Any]:
        """Return the JSON object of an answer with status 200.

        Raises `TemporarilyUnavailable`, which names `who` answered and tells nothing of the body.
        """
        found = self.json() if self.status == 200 else None
        if not isinstance(found, dict):
            template = gettext_noop("%(who)s gives no JSON object (status %(status)d).")
            raise TemporarilyUnavailable(Said(template, who=who, status=self.status))
        return found


def in_words(error: ProtocolError) -> str:
    """Return what an operator reads of an error, in the language of the page as far as it is
    `Said`.
    """
    said = error.description
    if not isinstance(said, Said):
        return said or error.error
    spoken = {
        name: (_KINDS.get(each) or gettext(each)) if isinstance(each, str) and each else each
        for name, each in said.values.items()
    }
    return gettext(said.template) % spoken


def advice_on_certificate(error: ProtocolError) -> str:
    """Return what an operator can do where an upstream's certificate was refused; "" elsewhere."""
    if getattr(error, "kind", "") not in _OF_CERTIFICATES:
        return ""
    return gettext(
        "Compare the certificate with the name by which it is called, have it renewed where it has "
        "ended, and name the file of an authority of your own in VESTIBULE_HTTP_CA."
    )


def _refuse(constant: str) -> NoReturn:
    # Python's parser accepts NaN and Infinity, which RFC 8259, 6 does not.
    raise ValueError(constant)

"""Why a server cannot be used, in one line: what the library of its protocol says, and no more.

The libraries of the database, the cache and the mail server name hosts, users and databases in what
they raise, never a password. For logs and operators; people who sign in are told nothing of it.
"""

import re
import smtplib
import ssl
from collections.abc import Iterator

LONGEST = 300
_SEVERAL = "All failures were:"
# "[SSL: CERTIFICATE_VERIFY_FAILED] ", "(_ssl.c:992)", and what each driver begins by.
_NOISE = re.compile(
    r"\[SSL(?:: [A-Z_]{1,99})?\] | ?\(_ssl\.c:\d+\)|connection failed: |^Redis \w+: |^- (?=host: )"
)
_ABOUT_TLS = re.compile(
    r"(?i)certificate|\b(ssl|tls)\b|encryption|private key|violation of protocol"
)
_REFUSED = re.compile(r"(?i)FATAL:|password|permission|authenticat|credentials|^\d{3} ")


def of(error: BaseException) -> str:
    """Return why in one line of `LONGEST` characters at most; the kind of error at least."""
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError) and each.verify_message:
            return _line(f"certificate verify failed: {each.verify_message}")
        if isinstance(each, smtplib.SMTPAuthenticationError):  # what it says may quote what it got
            return f"{each.smtp_code} authentication failed"
        if isinstance(each, smtplib.SMTPResponseException):
            text = each.smtp_error
            said = text.decode("ascii", "replace") if isinstance(text, bytes) else text
            return _line(f"{each.smtp_code} {said}")
    return _line(str(error)) or type(error).__name__


def is_about_tls(reason: str) -> bool:
    """Tell whether certificates, or the lack of them, are why."""
    return bool(_ABOUT_TLS.search(reason))


def is_a_refusal(reason: str) -> bool:
    """Tell whether the server has answered, and does not let the site in."""
    return bool(_REFUSED.search(reason))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, or while it was handled, a few at most."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _line(text: str) -> str:
    lines = [each.strip() for each in text.splitlines()]
    if _SEVERAL in text:  # of several hosts, each says why
        lines = [each for each in lines if each.startswith("- host: ")]
    else:
        lines = lines[:1]
    clean = "; ".join(_NOISE.sub("", each).strip().rstrip(".") for each in lines)
    return " ".join("".join(c if c.isprintable() else " " for c in clean).split())[:LONGEST]

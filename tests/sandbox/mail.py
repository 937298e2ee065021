"""The demo's mails, in the terminal, where a frame tells them from the lines of the log."""

from __future__ import annotations

from typing import Any

from django.core.mail.backends.console import EmailBackend

WIDTH = 78


class Framed(EmailBackend):
    """Writes who a mail is for, its subject and its text, between two lines."""

    def write_message(self, message: Any) -> None:
        """Write one mail."""
        recipients = ", ".join(message.recipients())
        head = f"=== MAIL TO {recipients} ".ljust(WIDTH, "=")
        lines = ("", head, message.subject, "", message.body.rstrip(), "=" * WIDTH, "")
        self.stream.write("\n".join(lines) + "\n")

"""The demo's mails: kept for a page of the stand-in, and told in the terminal in two lines each."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from django.core.mail.backends.console import EmailBackend

from tests.sandbox import conf, store

A_DAY = 86_400
_LINK = re.compile(r"https?://\S+")


class Shown(EmailBackend):
    """Keeps each mail for the page, and writes the link that it is about."""

    page = ""

    def write_message(self, message: Any) -> None:
        """Keep one mail, and tell of it."""
        to, subject, text = ", ".join(message.recipients()), message.subject, message.body.strip()
        kept = {"to": to, "subject": subject, "text": text, "sent": time.time()}
        store.put("mail", secrets.token_hex(8), kept, seconds=A_DAY)
        page = self.page or address(conf.sandbox_origin())
        link = (_LINK.findall(text) or [page])[-1]
        lines = ("", f'>>> Mail to {to}: "{subject}"', f">>> {link}")
        self.stream.write("\n".join((*lines, f"    (all mails: {page})", "", "")))


def address(sandbox: str) -> str:
    """Return where the mails are read, at a stand-in of this origin."""
    return f"{sandbox}/mails"


def kept() -> list[store.Value]:
    """Return the mails of the last day, the newest first."""
    return sorted(store.every("mail"), key=lambda mail: float(mail["sent"]), reverse=True)

"""What is read of an upstream's answers in the same way by all providers."""

from __future__ import annotations

from typing import Any

from accounts.errors import TemporarilyUnavailable
from accounts.http import Answer


def json_object(answer: Answer, who: str) -> dict[str, Any]:
    """Return the JSON object of an answer with status 200.

    Raises `TemporarilyUnavailable`, which names `who` answered and tells nothing of the body.
    """
    found = answer.json() if answer.status == 200 else None
    if not isinstance(found, dict):
        raise TemporarilyUnavailable(f"{who} gives no JSON object (status {answer.status}).")
    return found

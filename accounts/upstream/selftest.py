"""What the self-tests of all providers have in common."""

from __future__ import annotations

from accounts.provider import Finding


def verdict(ok: object, good: str, bad: str, fix: str) -> Finding:
    """Return the finding that says `good` when all is well, else `bad` with its `fix`."""
    return Finding(True, good) if ok else Finding(False, bad, fix)

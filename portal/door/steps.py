"""The way of a sign-in, step by step, for the trail."""

import re
from collections.abc import Mapping

from django.utils import timezone

from accounts import trail
from accounts.provider import LoginFlow


def note_way(slug: str, params: Mapping[str, str], login_flow: LoginFlow | None) -> None:
    """Note the way that a person has come: out to the source `slug`, and back with its answer."""
    there = f"source:{slug}"
    if login_flow:
        away = int((timezone.now() - login_flow.started_at).total_seconds() * 1000)
        trail.note(trail.Step(trail.PERSON, trail.HERE, "chose"))
        trail.note(trail.Step(trail.HERE, there, "sent", milliseconds=max(0, away)))
    # RFC 6749, 4.1.2.1: a word of a fixed list, or none that is kept.
    error = params.get("error", "")
    said = error if re.fullmatch(r"[a-z_]{1,40}", error) else ""
    trail.note(trail.Step(there, trail.HERE, "answered", said, failed=bool(error)))

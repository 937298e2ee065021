"""These routes speak JSON, to whoever asks for whatever."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JsonAnyway(DefaultContentNegotiation):
    """Answers in the first form on offer where a caller asks for none of them.

    A refusal must say what it refuses: a 406 in the place of a 401 would hide its challenge.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer and its media type."""
        offered = list(renderers)
        if len(offered) == 1:
            return offered[0], str(offered[0].media_type)
        try:
            found: tuple[BaseRenderer, str] = super().select_renderer(
                request, offered, format_suffix
            )
        except NotAcceptable:
            return offered[0], str(offered[0].media_type)
        return found

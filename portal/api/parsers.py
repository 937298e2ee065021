"""The parsers of posted bodies: a JSON object or a form, with each name that counts once."""

import json
from typing import Any

from rest_framework.parsers import BaseParser
from rest_framework.utils.json import strict_constant

from accounts.errors import InvalidRequest
from portal.api.serializers import KNOWN


class JsonParser(BaseParser):
    """A JSON object. A list, a number, `NaN` or a repeated name of ours is refused."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return the object. Raises `InvalidRequest`."""
        text = parser_context["request"].body
        try:
            found = json.loads(
                text.decode(), object_pairs_hook=_once, parse_constant=strict_constant
            )
        except (ValueError, RecursionError):
            raise InvalidRequest("The body is not JSON.") from None
        if not isinstance(found, dict):
            raise InvalidRequest("The body is not a JSON object.")
        return found


class FormParser(BaseParser):
    """A form. It is read as `body` first: Django bounds that, but no files among the parts."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return the fields. Raises `InvalidRequest` for a repeated one."""
        request = parser_context["request"]._request
        _ = request.body
        return _once([(name, each) for name, given in request.POST.lists() for each in given])


class MultipartParser(FormParser):
    """A multipart form, as some libraries send every form. Its files are ignored."""

    media_type = "multipart/form-data"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields. An unknown name is ignored, however often it comes (RFC 6749, 3.2)."""
    given = [name for name, _ in pairs if name in KNOWN]
    if len(set(given)) < len(given):
        raise InvalidRequest("A name occurs more than once.")
    return dict(pairs)

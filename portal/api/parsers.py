"""What callers may post: a JSON object or a form, each name once, no larger than it need be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import QueryDict
from django.http.multipartparser import MultiPartParserError
from rest_framework.parsers import BaseParser

from accounts.errors import InvalidRequest


class TooLarge(InvalidRequest):
    """`invalid_request` for a body that is larger than any of ours (RFC 9110, 15.5.14)."""

    status = 413


class JsonParser(BaseParser):
    """A JSON object. Anything else is refused: a list, a number, `NaN`, a name that comes twice."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return the object. Raises `InvalidRequest`, or `TooLarge`."""
        try:
            found = json.loads(
                _body(parser_context).decode(), object_pairs_hook=_once, parse_constant=_refuse
            )
        except (ValueError, RecursionError):
            raise InvalidRequest("The body is not JSON.") from None
        if not isinstance(found, dict):
            raise InvalidRequest("The body is not a JSON object.")
        return found


class FormParser(BaseParser):
    """A form."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return the fields. Raises `InvalidRequest` for a repeated one, or `TooLarge`."""
        values = QueryDict(_body(parser_context), encoding="utf-8")
        return _once([(name, value) for name, each in values.lists() for value in each])


class MultipartParser(BaseParser):
    """A form of parts, as some libraries send every form. Files among them count for nothing."""

    media_type = "multipart/form-data"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return the fields. Raises `InvalidRequest` for a repeated one, or `TooLarge`."""
        _body(parser_context)
        try:
            values = parser_context["request"]._request.POST
        except MultiPartParserError:
            raise InvalidRequest("The body is not a form.") from None
        return _once([(name, value) for name, each in values.lists() for value in each])


def text_of(values: Any, name: str, longest: int = 1024) -> str:
    """Return the string `name` of `values`, empty when it is missing.

    Raises `InvalidRequest` for what is no text: another type, NUL, half a surrogate, too long.
    """
    value = values.get(name, "") if isinstance(values, Mapping) else None
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise InvalidRequest(f"{name} must be a text of at most {longest} characters.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} is not text.") from None
    return value


def needed(values: Any, name: str, longest: int = 1024) -> str:
    """Return the string `name` of `values`. Raises `InvalidRequest` also when it is missing."""
    value = text_of(values, name, longest)
    if not value:
        raise InvalidRequest(f"{name} is missing.")
    return value


def _body(context: Any) -> bytes:
    try:
        body: bytes = context["request"]._request.body
    except RequestDataTooBig:
        raise TooLarge("The body is too large.") from None
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidRequest("A name occurs more than once.")
    return dict(pairs)


def _refuse(constant: str) -> Any:
    raise InvalidRequest(f"{constant} is not JSON.")

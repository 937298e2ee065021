"""The values of a source's settings, which come from JSON, as the types of its fields want them."""

import types
import typing
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


def typed(name: str, hint: Any, value: Any) -> Any:
    """Return `value` as `hint` wants it: lists made tuples. Raises `ValidationError` naming `name`
    when it is of another type.
    """
    origin = typing.get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        origin = typing.get_origin(hint)
        if value is None:
            return None
    if origin is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if not _fits(hint, origin, value):
        raise ValidationError({"settings": _("%s has the wrong type.") % name})
    return value


def _fits(hint: Any, origin: Any, value: Any) -> bool:
    """Tell whether `value` is what `hint` says. A whole number fits a float."""
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    expected: Any = dict if origin in {dict, Mapping} else origin or hint
    if expected is float:
        expected = (int, float)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))

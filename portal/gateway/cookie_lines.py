"""An application's cookies as an operator writes them: one a line, as `Set-Cookie` has them."""

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Attributes that say nothing of which cookie it is (RFC 6265, 5.3).
_LEFT_OUT = frozenset({"secure", "httponly", "samesite", "max-age", "expires", "partitioned"})


def read(text: str) -> list[dict[str, str]]:
    """Return the cookies of all lines. Raises `ValidationError` for one that cannot be read."""
    return [_cookie(line.strip()) for line in text.splitlines() if line.strip()]


def written(cookies: Iterable[Mapping[str, str]]) -> str:
    """Return the same as lines."""
    return "\n".join(
        "; ".join(
            [
                held.get("name", ""),
                *(f"{key.title()}={held[key]}" for key in ("path", "domain") if held.get(key)),
            ]
        )
        for held in cookies
    )


def _cookie(line: str) -> dict[str, str]:
    first, *attributes = (each.strip() for each in line.removeprefix("Set-Cookie:").split(";"))
    found = {"name": first.partition("=")[0].strip()}
    for attribute in attributes:
        key, _equals, value = (each.strip() for each in attribute.partition("="))
        if key.lower() in {"path", "domain"}:
            found[key.lower()] = value.lstrip(".") if key.lower() == "domain" else value
        elif key.lower() not in _LEFT_OUT:
            raise ValidationError(_("%s is no part of a cookie.") % attribute)
    return found

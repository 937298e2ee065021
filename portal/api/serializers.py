"""The bodies that the JSON routes take: validated here, described at `/api/schema/`."""

from typing import Any

from rest_framework import serializers as s
from rest_framework.fields import empty

_SAID = {
    "required": "is missing",
    "blank": "is missing",
    "surrogate_characters_not_allowed": "is not text",
}
_ONE_OF_TWO = "sessionToken must be an object, with the only refresh_token."


class Text(s.CharField):
    """A string, not trimmed. A number is refused."""

    def __init__(self, max_length: int = 1024, **more: Any) -> None:
        super().__init__(max_length=max_length, trim_whitespace=False, **more)

    def to_internal_value(self, data: Any) -> str:
        """Return the string. Raises `ValidationError` for any other type."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))

    def run_validation(self, data: Any = empty) -> Any:
        """Return the string. Raises `ValidationError` with a sentence that names the field."""
        try:
            return super().run_validation(data)
        except s.ValidationError as error:
            codes: Any = error.get_codes()
            said = _SAID.get(codes[0], f"must be a text of at most {self.max_length} characters")
            raise s.ValidationError(f"{self.field_name} {said}.") from None


class Form(s.Serializer[Any]):
    """A body or a query."""

    @classmethod
    def read(cls, values: Any) -> dict[str, Any]:
        """Return the validated fields. Raises `ValidationError`, which is answered with 400."""
        form = cls(data=values)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class Credentials(Form):
    """Name and password stand here or in HTTP Basic."""

    username = Text(required=False)
    password = Text(4096, required=False)
    source = Text(50, required=False, allow_blank=True)  # type: ignore[assignment]
    otp = Text(50, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields. Raises `ValidationError` without a name or a password."""
        return _needed(attrs, "username", "password")


class SessionToken(s.Serializer[Any]):
    """The form of older front ends."""

    default_error_messages = {"invalid": _ONE_OF_TWO}
    refresh_token = Text(200)


class RefreshToken(Form):
    """The refresh token, flat or inside `sessionToken`."""

    refresh_token = Text(200, required=False)
    sessionToken = SessionToken(required=False, allow_null=True)  # noqa: N815  # as they call it

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return `refresh_token`. Raises `ValidationError` unless it is given once."""
        within = attrs.get("sessionToken")
        if within and "refresh_token" in attrs:
            raise s.ValidationError(_ONE_OF_TWO)
        return _needed(within or attrs, "refresh_token")


class Identifier(Form):
    """The value of the hand-over's cookie."""

    identifier = Text(allow_blank=True)


KNOWN: frozenset[str] = frozenset().union(
    *(form().fields for form in (Credentials, RefreshToken, SessionToken, Identifier))
)


def _needed(values: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        if name not in values:
            raise s.ValidationError(f"{name} is missing.")
    return values

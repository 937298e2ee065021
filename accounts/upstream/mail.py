"""Which mail addresses of an upstream are believed: those that can be kept as they stand."""

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

_LONGEST = 254
_judge = EmailValidator()


def is_address(named: str) -> bool:
    """Tell whether this is a mail address that is not too long to store, and that has no character
    that cannot be seen: without it, it would be another's.
    """
    try:
        _judge(named)
    except ValidationError:
        return False
    return len(named) <= _LONGEST and named.isprintable()

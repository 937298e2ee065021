"""What `apply FILE` of a command does with a file of TOML, whatever the file is about."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from portal.configuration.toml import Change, RefusedError

Applied = TypeVar("Applied", bound=Change)


def applied(file: str, apply: Callable[[str], list[Applied]]) -> list[Applied]:
    """Return what `apply` has made of a file's text; `-` is standard input.

    Raises `CommandError` with every problem when the file cannot be read or is refused: then no
    line of the log tells of a change either.
    """
    try:
        text = _bytes(file).decode("utf-8-sig")  # as Windows writes it, too
        return apply(text)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(_("%s is not UTF-8 text.") % file) from None
    except RefusedError as refused:
        nothing = _("Nothing was changed.")
        raise CommandError("\n".join([*refused.problems, nothing])) from None


def _bytes(file: str) -> bytes:
    """Return what stands in the file: text would be read as the locale says, from a pipe."""
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def line(change: Change) -> str:
    """Return a change as one line of the command's output."""
    fields = f": {', '.join(change.fields)}" if change.fields else ""
    return f"{change.what:<10}{change.slug}{fields}"

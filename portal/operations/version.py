"""Which version of Vestibule this is."""

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2] / "pyproject.toml"


@cache
def running() -> str:
    """Return the version, of a checkout the one that it would be built as."""
    try:
        if CHECKOUT.is_file():
            found: str = tomllib.loads(CHECKOUT.read_text())["project"]["version"]
            return found
        return version("vestibule")
    except (OSError, KeyError, tomllib.TOMLDecodeError, PackageNotFoundError):
        return "unknown"

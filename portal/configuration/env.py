"""What the environment says, and the generated secrets of an installation that says nothing.

Only `portal/settings.py` reads this module. Every name begins with `VESTIBULE_`, but for the two
that every platform spells alike, `DATABASE_URL` and `REDIS_URL`, and for `XDG_STATE_HOME`.
"""

import base64
import json
import os
import re
import secrets
from contextlib import suppress
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

PORTAL = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"""["'](VESTIBULE_[A-Z0-9_]*[A-Z0-9]|DATABASE_URL|REDIS_URL)["']""")

_IN_FILE = re.compile(r"""\bsecret\(["'](\w+)["']\)""")


class _Env(environ.Env):  # type: ignore[misc]
    """The environment as it stands: a value that begins with `$` names no other variable."""

    def get_value(self, var: str, cast: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return the value of a variable, read as `cast` does, or the default."""
        value = os.environ.get(var, "")
        if value.startswith("$"):
            return self.parse_value(value, cast)
        return super().get_value(var, cast, *args, **kwargs)


env = _Env()


class Misconfigured(SystemExit):
    """A setting that cannot be used: one sentence on standard error and exit status 1."""


def given_names() -> list[str]:
    """Return the names of the variables that are set and look like ours."""
    return sorted(name for name in os.environ if name.startswith("VESTIBULE_"))


def known_names(*, in_files: bool = False) -> frozenset[str]:
    """Return the names of the variables that are read: those that the settings' own text quotes; or
    those of them alone whose value may stand in a file, which `<name>_FILE` names.
    """
    texts = [PORTAL / "settings.py", *sorted((PORTAL / "configuration").glob("*.py"))]
    pattern = _IN_FILE if in_files else _NAME
    return frozenset(name for each in texts for name in pattern.findall(each.read_text("utf-8")))


def data_directory() -> Path:
    """Return the folder for the embedded database, the generated keys and the collected static
    files, made when missing. Raises `Misconfigured` when it cannot be made.
    """
    path = Path(env.str("VESTIBULE_DATA", default="") or _usual_directory())
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / "static").mkdir(exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"VESTIBULE_DATA: cannot make {path}: {error.strerror}") from None
    return path


def _usual_directory() -> Path:
    """Return `var/` in a checkout, else the user's folder for state (XDG Base Directory).
    Raises `Misconfigured` for a user without a home.
    """
    if (PORTAL.parent / "manage.py").is_file():
        return PORTAL.parent / "var"
    state = Path(env.str("XDG_STATE_HOME", default=""))
    try:
        return (state if state.is_absolute() else Path.home() / ".local" / "state") / "vestibule"
    except RuntimeError:
        raise Misconfigured("VESTIBULE_DATA: this user has no home: name a folder") from None


def generated_keys(data: Path) -> dict[str, str]:
    """Return the secrets of an embedded installation, written once and readable by its owner only;
    none are made where all are given. Raises `Misconfigured` when they cannot be written or read.

    Two processes that start at the same moment agree: the file is made complete beside its place
    and linked there, and the loser of that race reads the winner's.
    """
    path = data / "keys.json"
    if not path.exists():
        if secret("VESTIBULE_SECRET_KEY") and secret("VESTIBULE_VAULT_KEYS"):
            return {}
        _make_keys(path)
    try:
        keys: dict[str, str] = {**json.loads(path.read_text("utf-8"))}
    except (OSError, ValueError, TypeError) as error:
        said = f"cannot read {path}: {type(error).__name__}; put it back from a backup"
        raise Misconfigured(f"VESTIBULE_DATA: {said}") from None
    return keys


def _make_keys(path: Path) -> None:
    fresh = {
        "secret_key": secrets.token_urlsafe(50),
        "vault_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    draft = path.with_name(f"keys.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(fresh, file)
        with suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        raise Misconfigured(f"VESTIBULE_DATA: cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink()


def is_production() -> bool:
    """Tell whether this site is in production. Raises `Misconfigured` for any other word,
    with which somebody meant it and got the embedded defaults.
    """
    word = env.str("VESTIBULE_ENV", default="")
    if word not in {"", "production"}:
        raise Misconfigured(f"VESTIBULE_ENV: {word!r} is neither production nor empty")
    return bool(word)


def private_file(path: Path) -> None:
    """Let only its owner read the file, made when missing. SQLite's files beside it follow."""
    with suppress(OSError):  # of another owner, or on a disk that is full: whoever uses it says so
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        path.chmod(0o600)


def secret(name: str) -> str:
    """Return the secret `name`, from the variable itself or the file that `<name>_FILE` names.

    Raises `Misconfigured` when the file cannot be read, and when both are there and differ: whoever
    has just moved would serve with the other keys.
    """
    file, given = env.str(f"{name}_FILE", default=""), str(env.str(name, default=""))
    if not file:
        return given
    try:
        found = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "it is not UTF-8 text"
        raise Misconfigured(f"{name}_FILE: cannot read {file}: {why}") from None
    if given and given != found:
        raise Misconfigured(f"{name} and {name}_FILE are both set, and differ: leave one out")
    return found


def one_of(name: str, word: str, words: tuple[str, ...]) -> str:
    """Return `word`, the value of `name`, when it is one of `words`. Raises `Misconfigured`."""
    if word not in words:
        raise Misconfigured(f"{name}: {word!r} is none of {', '.join(words)}")
    return word


def day(name: str, text: str) -> date | None:
    """Return the day that `text` is, None for nothing. Raises `Misconfigured`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Misconfigured(f"{name}: {text!r} is not a day such as 2027-02-01") from None


def listed(text: str) -> list[str]:
    """Return the parts of a list that commas separate."""
    return [part.strip() for part in text.split(",") if part.strip()]


def former_keys(text: str) -> list[str]:
    """Return the keys of a list that commas separate, and whatever they may be parts of: a key with
    a comma in it. All of the text comes last.
    """
    parts = text.split(",")
    ends = range(1, len(parts) + 1)
    runs = [",".join(parts[end - size : end]) for size in ends for end in ends if end >= size]
    return list(dict.fromkeys(run.strip() for run in runs if run.strip(" ,")))


def networks(name: str, texts: list[str]) -> list[IPv4Network | IPv6Network]:
    """Return the networks that `texts` are. Raises `Misconfigured`."""
    try:
        return [ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError as error:
        raise Misconfigured(f"{name}: {error}") from None


def time_zone(name: str, word: str) -> str:
    """Return `word`, the value of `name`, when it is a time zone. Raises `Misconfigured`."""
    try:
        ZoneInfo(word)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Misconfigured(f"{name}: {word!r} is none such as Europe/Copenhagen") from None
    return word

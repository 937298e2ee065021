"""The keys in files: where an embedded site keeps its own, and lines for an environment."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import conf
from accounts.keyring import key_id
from portal import conf as portal_conf
from portal.operations import endings

NAME = "keys.json"
# What the file calls them, and the variables; lists are separated by commas in both.
SECRET, FALLBACKS, VAULT = "secret_key", "secret_key_fallbacks", "vault_key"
_VARIABLES = {
    SECRET: "VESTIBULE_SECRET_KEY",
    FALLBACKS: "VESTIBULE_SECRET_KEY_FALLBACKS",
    VAULT: "VESTIBULE_VAULT_KEYS",
}


class Unusable(ValueError):
    """Why a file of keys cannot be read or written: a sentence for the operator."""


def current() -> dict[str, str]:
    """Return the keys of this process, as the file has them."""
    first, *former = portal_conf.secret_keys()
    # Where a key may have a comma in it, the last is all that the variable says.
    known = former[-1] if former and "," in former[-1] else ",".join(former)
    return {SECRET: first, FALLBACKS: known, VAULT: ",".join(conf.vault_keys())}


def read(folder: Path) -> dict[str, str]:
    """Return the keys that a site in `folder` has made for itself; none where it was given them.
    Raises `Unusable`.
    """
    try:
        known: dict[str, str] = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise Unusable(_("%s cannot be read.") % (folder / NAME)) from None
    return known


def are_used() -> bool:
    """Tell whether this process runs by the keys of its own file, as nothing else was set."""
    known = read(Path(portal_conf.data_directory()))
    own = current()
    return bool(known) and all(known.get(name) == own[name] for name in (SECRET, VAULT))


def missing(known: Mapping[str, str]) -> str:
    """Return the variable that lacks what `known` has, so that people would be signed out; nothing
    when all of it counts here.
    """
    if not {*listed(known.get(VAULT, ""))} <= {*conf.vault_keys()}:
        return _VARIABLES[VAULT]
    given = known.get(SECRET, "") in {"", *portal_conf.secret_keys()}
    return "" if given else _VARIABLES[SECRET]


def ids(known: Mapping[str, str]) -> set[str]:
    """Return the ids of the vault's keys among `known`."""
    return {key_id(each) for each in listed(known.get(VAULT, ""))}


def listed(text: str) -> list[str]:
    """Return the keys of a list that commas separate."""
    return [part for part in text.split(",") if part]


def require_new(file: Path) -> None:
    """Raise `Unusable` unless `file` can be made."""
    if file.exists() or not os.access(file.absolute().parent, os.W_OK):
        raise Unusable(_("%s exists already, or cannot be written.") % file)


def _never() -> bool:
    return False


@contextmanager
def environment(
    file: Path, known: Mapping[str, str], stays: Callable[[], bool] = _never
) -> Iterator[None]:
    """Write lines `NAME=value` for an environment to a new file that only its owner reads. It goes
    when the block fails, unless `stays` tells that what it opens is there all the same.
    """
    given = ((_VARIABLES[name], known.get(name, "")) for name in _VARIABLES)
    with ExitStack() as at_failure:  # whatever it is, somebody's Ctrl-C as well
        with endings.put_off():
            _write(file, "".join(f"{name}={value}\n" for name, value in given if value))
            at_failure.callback(_remove, file, stays)
        yield
        at_failure.pop_all()


@contextmanager
def put(
    folder: Path, known: Mapping[str, str], stays: Callable[[], bool] = _never
) -> Iterator[Path | None]:
    """Put `known` in the place of the keys that the site in `folder` has made for itself. Yields
    the file in which those are kept; None where there were none, or the same.

    The former come back when the block fails, unless `stays` tells that what `known` opens is there
    all the same.
    """
    place, wanted = folder / NAME, {name: known[name] for name in _VARIABLES if known.get(name)}
    if {name: value for name, value in read(folder).items() if value} == wanted:
        yield None
        return
    former = _kept(place)
    try:
        with endings.put_off():
            draft = folder / f"{NAME}.{os.getpid()}"
            _write(draft, json.dumps(wanted))
            draft.replace(place)
        yield former
    except BaseException:  # whatever it was, somebody's Ctrl-C as well
        if not stays():
            _put_back(former, place)
        raise


def _remove(file: Path, stays: Callable[[], bool]) -> None:
    if not stays():
        file.unlink(missing_ok=True)


def _kept(place: Path) -> Path | None:
    """Give the file at `place` another name as well, which no file has, for its owner alone."""
    former = place.with_name(f"keys-{timezone.now():%Y%m%dT%H%M%S.%fZ}.json")
    try:
        os.link(place, former)
    except FileNotFoundError:
        return None
    former.chmod(0o600)
    return former


def _put_back(former: Path | None, place: Path) -> None:
    if former is None:
        place.unlink(missing_ok=True)
        return
    former.replace(place)
    former.unlink(missing_ok=True)  # two names of one file stay two


def _write(file: Path, text: str) -> None:
    """Write a new file, for its owner alone, or none."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as own:
            own.write(text)
            own.flush()
            os.fsync(own.fileno())
    except BaseException:  # half a file of keys is none
        with suppress(OSError):
            file.unlink()
        raise

"""What third-party providers bring along that Django looks for before there are apps."""

from collections.abc import Collection
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

_GROUP = "vestibule.providers"  # as accounts/source/registry.py, which no settings can import


def catalogs(named: Collection[str]) -> list[Path]:
    """Return the folders with the words of the wheels `named`, in other languages; none of a wheel
    that has no folder `locale`, or is not installed. No module of theirs is run.
    """
    found = dict[Path, None]()
    for wheel in entry_points(group=_GROUP) if named else ():  # which reads every wheel's metadata
        spec = find_spec(wheel.module.partition(".")[0]) if wheel.name in named else None
        for place in (spec and spec.submodule_search_locations) or ():
            found[Path(place) / "locale"] = None
    return [folder for folder in found if folder.is_dir()]

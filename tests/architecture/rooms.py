"""The rooms of the house and the imports between them, floor by floor."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.tree import FLOORS, ROOT, code, imported, text

PLACES = ("portal", "providers", "accounts")  # from the roof down


@dataclass(frozen=True, order=True)
class Room:
    """One box of the picture: a folder of a floor, or the loose modules of one of its layers."""

    floor: str
    name: str


Edges = Mapping[Room, frozenset[Room]]


@cache
def layers(floor: str) -> tuple[tuple[str, ...], ...]:
    """Return the modules of each layer from the top down, as pyproject.toml has them."""
    contracts = tomllib.loads(text(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if contract.get("containers") == [floor]:
            return tuple(tuple(re.findall(r"\w+", layer)) for layer in contract["layers"])
    return ()


@cache
def modules() -> frozenset[str]:
    """Return each `floor.module` that is there."""
    return frozenset(
        ".".join(path.with_suffix("").parts[:2])
        for path in code()
        if path.parts[0] in FLOORS and path.name != "__init__.py"
    )


@cache
def room_of(module: str) -> Room:
    """Return the room of `floor.module`."""
    floor, name = module.split(".")
    if (ROOT / floor / f"{name}.py").is_file():
        beside = next((layer for layer in layers(floor) if name in layer), (name,))
        loose = [each for each in beside if (ROOT / floor / f"{each}.py").is_file()]
        name = ", ".join(sorted(loose))
    return Room(floor, name)


def _imports() -> Iterator[tuple[Room, Room]]:
    for path in code():
        own = ".".join(path.with_suffix("").parts[:2])
        if own in modules():
            for _line, name in imported(path):
                target = ".".join(name.split(".")[:2])
                if target in modules() and room_of(target) != room_of(own):
                    yield room_of(own), room_of(target)


@cache
def edges() -> Edges:
    """Return the rooms that each room imports."""
    found: dict[Room, set[Room]] = defaultdict(set)
    for module in modules():
        found[room_of(module)] = set()
    for source, target in _imports():
        found[source].add(target)
    return {room: frozenset(targets) for room, targets in found.items()}


def _layer(room: Room) -> int:
    order = layers(room.floor)
    name = room.name.split(", ")[0]
    return next((number for number, layer in enumerate(order) if name in layer), 0)


@cache
def rows() -> tuple[tuple[Room, ...], ...]:
    """Return the rooms from the top down: floor by floor, each by its layers. A room that imports a
    neighbour of its layer stands above it.
    """
    grouped: dict[tuple[int, int, int], list[Room]] = defaultdict(list)
    for room in edges():
        place = PLACES.index(room.floor), _layer(room)
        beside = frozenset(
            each for each in edges() if (PLACES.index(each.floor), _layer(each)) == place
        )
        grouped[*place, -_height(room, beside, ())].append(room)
    return tuple(tuple(sorted(grouped[place])) for place in sorted(grouped))


def _height(room: Room, beside: frozenset[Room], above: tuple[Room, ...]) -> int:
    under = [each for each in edges()[room] & beside if each not in above]
    return max((1 + _height(each, beside, (*above, room)) for each in under), default=0)


def needed(all_edges: Edges) -> list[tuple[Room, Room]]:
    """Return the edges that no longer way says as well, in order."""

    def reachable(room: Room, seen: set[Room]) -> set[Room]:
        for each in all_edges[room] - seen:
            seen.add(each)
            reachable(each, seen)
        return seen

    kept = [
        (room, target)
        for room, targets in all_edges.items()
        for target in targets
        if not any(target in reachable(each, {each}) - {each} for each in targets - {target})
    ]
    return sorted(kept)

"""The picture in docs/architecture.md is what the imports are, and shows no arrow up."""

from tests.architecture.picture import PICTURE, draw
from tests.architecture.rooms import Edges, Room, edges, needed, rows


def upward(imports: Edges) -> list[str]:
    """Return the imports that do not lead to a lower row."""
    row_of = {room: number for number, row in enumerate(rows()) for room in row}
    return [
        f"{source.floor}.{source.name} -> {target.floor}.{target.name}"
        for source, targets in imports.items()
        for target in targets
        if row_of[target] <= row_of[source]
    ]


def test_no_arrow_points_up() -> None:
    assert upward(edges()) == []


def test_an_arrow_up_would_be_found() -> None:
    models, pages = Room("accounts", "models"), Room("portal", "pages")
    assert upward({models: frozenset({pages})}) == ["accounts.models -> portal.pages"]


def test_an_import_that_others_say_as_well_has_no_arrow() -> None:
    top, middle, low = (Room("accounts", name) for name in ("a", "b", "c"))
    imports = {top: frozenset({middle, low}), middle: frozenset({low}), low: frozenset()}
    assert needed(imports) == [(top, middle), (middle, low)]


def test_the_picture_is_drawn_anew_when_the_imports_change() -> None:
    assert PICTURE.read_text() == draw(), "python -m tests.architecture.picture"

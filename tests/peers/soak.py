"""What `make soak` adds to pytest: its tests, which any other run leaves out, and their tables.

A test is one of them by `@pytest.mark.soak`. It says what it counted by the fixture `told`:

    told("faults", operation="Redis is killed", held=812, failed=0, lost=0)

Rows of one name are one table, whose columns are those of its first row. The run prints each at
its end. `--soak-page` writes them into docs/soak.md as well, between the marks of each name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from tests.peers.commands import ROOT

PAGE = ROOT / "docs" / "soak.md"
MARK = "soak"
Row = Mapping[str, object]
Told = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags of `make soak`."""
    parser.addoption("--soak-page", action="store_true", help="write the tables to docs/soak.md")
    parser.addoption("--fast-path", action="store_true", help="let the front answer what it can")


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Told:
    """Give `told(table, **columns)`, which adds a row to a table of the run."""

    def tell(table: str, **columns: object) -> None:
        request.node.user_properties.append((MARK, (table, columns)))

    return tell


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests of `make soak`, unless `-m` speaks of them."""
    if MARK in (config.option.markexpr or ""):
        return
    long = [each for each in items if each.get_closest_marker(MARK)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [each for each in items if not each.get_closest_marker(MARK)]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the tables, and write them where that is asked for."""
    tables = _tables(terminalreporter)
    for name, rows in tables.items():
        terminalreporter.section(f"soak: {name}")
        terminalreporter.write_line(drawn(rows))
    if tables and config.getoption("--soak-page"):
        PAGE.write_text(filled(PAGE.read_text(), tables))


def _tables(reporter: Any) -> dict[str, list[Row]]:
    """Return the rows by table. Reports bring them, whichever process the test ran in."""
    tables: dict[str, list[Row]] = {}
    for reports in reporter.stats.values():
        for each in reports:
            if getattr(each, "when", "") != "teardown":
                continue
            for name, value in each.user_properties:
                if name == MARK:
                    tables.setdefault(value[0], []).append(value[1])
    return tables


def drawn(rows: list[Row]) -> str:
    """Return rows as a table of Markdown, its columns as wide as what they hold."""
    names = list(rows[0])
    lines = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def filled(page: str, tables: Mapping[str, list[Row]]) -> str:
    """Return the page with each table between its marks; one that has no marks is left out."""
    for name, rows in tables.items():
        marks = rf"(<!-- soak: {re.escape(name)} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, partial(_put, drawn(rows)), page, flags=re.S)
    return page


def _put(table: str, found: re.Match[str]) -> str:
    return f"{found[1]}{table}\n{found[2]}"

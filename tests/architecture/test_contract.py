"""docs/contract.md lists each route that is served, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver

from tests.architecture.tree import text

PAGE = Path("docs/contract.md")
ROUTE = re.compile(r"^\| `(/[^`]*)` \| ([A-Z, ]+) \|", re.M)
CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
# What the page calls a parameter, and what it stands for: Django's admin is one route to readers.
PARAMETERS = {"slug": "source"}
ADMIN = "/admin/"


def served(patterns: list[Any], prefix: str = "/") -> Iterator[str]:
    """Yield each route of a URL configuration as the page writes it."""
    for each in patterns:
        route = prefix + str(each.pattern)
        if route.startswith(ADMIN):
            yield ADMIN
        elif isinstance(each, URLResolver):
            yield from served(each.url_patterns, route)
        else:
            yield CONVERTER.sub(lambda found: f"<{PARAMETERS.get(found[1], found[1])}>", route)


def listed() -> dict[str, str]:
    """Return route -> methods, as the page has them."""
    return dict(ROUTE.findall(text(PAGE)))


def test_the_page_lists_what_is_served_and_nothing_else() -> None:
    assert set(listed()) == set(served(get_resolver("portal.urls").url_patterns))


def test_the_page_lists_each_route_once() -> None:
    routes = [route for route, _methods in ROUTE.findall(text(PAGE))]
    assert sorted(routes) == sorted(set(routes))


@pytest.mark.parametrize("section", ["Always", *(f"{number}. " for number in range(1, 9))])
def test_modules_may_cite_the_section(section: str) -> None:
    assert re.search(rf"^## {re.escape(section)}", text(PAGE), re.M)

"""The institution's colour stays readable, whatever it is (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from portal.pages import brand

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(COLOURS)
def test_every_colour_gives_text_that_can_be_read(colour: str) -> None:
    made = brand.palette(colour)
    pairs = (
        (made.brand, made.on_brand),
        (made.link_on_light, brand.LIGHT_SURFACE),
        (made.link_on_dark, brand.DARK_SURFACE),
        (made.link_on_dark, made.on_link_on_dark),
    )
    assert all(brand.contrast(one, other) >= brand.READABLE for one, other in pairs)


@given(COLOURS)
def test_the_surface_keeps_the_colour_itself(colour: str) -> None:
    assert brand.palette(colour).brand == colour


@pytest.mark.parametrize(
    "colour", ["", "red", "#12345", "#ggg", "#000;}body{display:none", "url(x)"]
)
def test_what_is_no_colour_counts_as_the_default(colour: str) -> None:
    assert brand.palette(colour) == brand.palette(brand.DEFAULT)


def test_a_short_colour_is_a_long_one() -> None:
    assert brand.normalised(" #0Af ") == "#00aaff"


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21), ("#777777", "#777777", 1)]
)
def test_contrast_is_the_ratio_of_the_specification(one: str, other: str, ratio: float) -> None:
    assert brand.contrast(one, other) == pytest.approx(ratio)


def test_the_stylesheet_has_the_default_colours_and_the_surfaces_that_they_were_made_for() -> None:
    path = finders.find("vestibule.css")
    assert isinstance(path, str)
    with open(path) as file:
        light, dark = file.read().split("@media (prefers-color-scheme: dark)")[:2]
    made = brand.palette(brand.DEFAULT)
    for css, name, value in (
        (light, "brand", made.brand),
        (light, "link", made.link_on_light),
        (light, "sunken", brand.LIGHT_SURFACE),
        (dark, "link", made.link_on_dark),
        (dark, "action", made.link_on_dark),
        (dark, "sunken", brand.DARK_SURFACE),
    ):
        found = re.search(rf"--{name}: (#[0-9a-f]+);", css)
        assert found is not None, name
        assert brand.normalised(found[1]) == value, name


@pytest.mark.django_db
def test_the_stylesheet_is_open_to_everybody_and_kept() -> None:
    response = Client().get("/institution.css")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/css")
    assert "max-age" in response["Cache-Control"]

"""docs/architecture.md 12: every sentence that a person reads is translatable, and is
translated.
"""

import os
from pathlib import Path

import polib
import pytest

from tests.architecture.catalogs import TRANSLATED, catalogs, follow, keys, make, read
from tests.architecture.markup import bare_words, blocks_in_attributes
from tests.architecture.tree import ROOT, SANDBOX, files, templates, text

# Names that are the same in every language.
NAMES = {"Vestibule"}


def said(entries: list[polib.POEntry] | polib.MOFile) -> dict[tuple[str | None, str], object]:
    return {(entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in entries}


@pytest.mark.parametrize("path", list(templates()), ids=str)
def test_every_sentence_of_a_template_is_translatable(path: Path) -> None:
    not_read = {name for each in templates() for name in blocks_in_attributes(text(each))}
    found = bare_words(text(path), path.suffix in {".html", ".svg"}, not_read)
    assert not [f"{path}:{line}: {words}" for line, words in found if words not in NAMES]


def test_bare_words_are_found_where_they_hide() -> None:
    template = (
        '{% load i18n %}<p title="Bare">{% translate "Hidden" %} Seen &middot; {{ name }}</p>\n'
        "{% blocktranslate %}Hidden {{ x }}{% endblocktranslate %}<code>silent</code>{# silent #}\n"
        '<input type="submit" value="Go on">{{ x|default:"Nobody" }}<a class="quiet">1 / 2</a>'
    )
    assert {words for _, words in bare_words(template)} == {"Bare", "Seen ·", "Go on", "Nobody"}


def test_the_text_of_a_block_that_becomes_a_class_is_not_read() -> None:
    base = '<body class="{% block layout %}{% endblock %}">{% block title %}{% endblock %}'
    page = "{% block layout %}narrow{% endblock %}{% block title %}Seen{% endblock %}"
    words = bare_words(page, not_read=blocks_in_attributes(base))
    assert [each for _, each in words] == ["Seen"]


@pytest.mark.parametrize("language", TRANSLATED)
def test_there_is_a_catalog(language: str) -> None:
    rooms = {path.parent.parent.parent for path in catalogs() if path.parts[-3] == language}
    assert rooms == {Path("portal/locale"), SANDBOX / "locale"}


@pytest.mark.parametrize("path", catalogs(), ids=str)
def test_every_sentence_of_a_catalog_is_translated(path: Path) -> None:
    catalog = polib.pofile(str(ROOT / path))
    assert not [entry.msgid for entry in catalog.untranslated_entries()]
    assert not [entry.msgid for entry in catalog.fuzzy_entries()]


@pytest.mark.parametrize("path", catalogs(), ids=str)
def test_what_is_compiled_is_what_is_written(path: Path) -> None:
    written = polib.pofile(str(ROOT / path)).translated_entries()
    assert path.with_suffix(".mo") in files(), f"manage.py compilemessages: {path}"
    compiled = polib.mofile(str(ROOT / path.with_suffix(".mo")))
    assert said(compiled) == said(written), f"manage.py compilemessages: {path}"


def test_the_catalogs_hold_every_sentence_and_no_other(tmp_path: Path) -> None:
    make(tmp_path)
    for path in catalogs():
        wanted, held = (keys(read(root / path)) for root in (tmp_path, ROOT))
        assert held == wanted, f"python -m tests.architecture.catalogs: {path}"


@pytest.mark.parametrize("path", catalogs(), ids=str)
def test_what_is_translated_stays_as_it_stands(path: Path, tmp_path: Path) -> None:
    """A new sentence comes last and one that is said no more goes; no other line changes."""
    held, file = read(ROOT / path), tmp_path / "django.po"
    held.save(os.fspath(file))
    lines = text(path)
    assert file.read_text() == lines
    wanted = read(file)
    assert not follow(held, wanted)
    new = polib.POEntry(msgid="A sentence that is new.")
    wanted.append(new)
    assert follow(held, wanted)
    held.save(os.fspath(file))
    assert file.read_text() == f"{lines}\n{new.__unicode__(wrapwidth=0)}"
    wanted.remove(new)
    assert follow(held, wanted)
    held.save(os.fspath(file))
    assert file.read_text() == lines

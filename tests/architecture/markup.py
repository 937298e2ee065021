"""Finds the words in a Django template that no translation would reach."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

LETTERS = re.compile(r"[^\W\d_]{2,}")
READ_ALOUD = {"alt", "aria-label", "aria-description", "label", "placeholder", "summary", "title"}
SILENT = {"code", "kbd", "script", "style", "svg"}
WORDS_BY_FILTER = re.compile(r"""\|(?:default|default_if_none|yesno|add):"([^"]*)\"""")


class Page(HTMLParser):
    """Collects (line, words) of what a person would read of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[tuple[int, str]] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT
        button = tag == "input" and dict(attrs).get("type") in {"submit", "button", "reset"}
        for name, value in attrs:
            if name in READ_ALOUD or (button and name == "value"):
                self._add(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._add(data)

    def _add(self, words: str) -> None:
        if LETTERS.search(words):
            self.words.append((self.getpos()[0], " ".join(words.split())))


def blocks_in_attributes(template: str) -> set[str]:
    """Return the names of the blocks whose text becomes part of a tag, such as a class name."""
    return set(re.findall(r"""=["'][^"'<>]*{%\s*block (\w+)""", template))


def bare_words(
    template: str, is_html: bool = True, not_read: Collection[str] = ()
) -> Iterator[tuple[int, str]]:
    """Yield (line, words) of each text outside of `translate` and `blocktranslate`.

    `not_read` are the names of blocks that nobody reads (`blocks_in_attributes`).
    """
    plain, hidden = [], ""
    for token in Lexer(template).tokenize():
        hidden, shown = _step(token, hidden, not_read)
        plain.append(shown)
        if token.token_type == TokenType.VAR:
            yield from _bare_defaults(token)
    text = "".join(plain)
    yield from _words_of_page(text) if is_html else _words_of_text(text)


def _bare_defaults(token: Token) -> Iterator[tuple[int, str]]:
    for words in WORDS_BY_FILTER.findall(token.contents):
        if LETTERS.search(words):
            yield token.lineno or 0, words


def _words_of_text(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if LETTERS.search(line):
            yield number, line.strip()


def _words_of_page(text: str) -> list[tuple[int, str]]:
    page = Page()
    page.feed(text)
    page.close()
    return page.words


def _step(token: Token, hidden: str, not_read: Collection[str]) -> tuple[str, str]:
    """Return the tag that ends what is hidden now, and what of this token a person sees."""
    if token.token_type == TokenType.TEXT and not hidden:
        return "", token.contents
    if token.token_type == TokenType.BLOCK:
        name, *rest = token.contents.split()
        if name == hidden:
            hidden = ""
        elif not hidden and (
            name in {"blocktranslate", "blocktrans", "comment"}
            or (name == "block" and rest[0] in not_read)
        ):
            hidden = f"end{name}"
    return hidden, " " + "\n" * token.contents.count("\n")

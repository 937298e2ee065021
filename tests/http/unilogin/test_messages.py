"""SOAP 1.2 messages: what is written, and what is read of all that may come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.unilogin import soap

NS = soap.ENVELOPE
GOOD = (
    f'<e:Envelope xmlns:e="{NS}"><e:Header><secret>not read</secret></e:Header><e:Body>'
    '<r:answer xmlns:r="urn:r"><r:school><n:number xmlns:n="urn:n"> A1 </n:number>'
    "<number>A2</number></r:school></r:answer></e:Body></e:Envelope>"
)
BOMB = '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
ELSEWHERE = '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd">'
PARAMETER = '<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>'
DEEP = "<a>" * 500 + "</a>" * 500
BAD: dict[str, bytes] = {
    "nothing": b"",
    "zeros": b"\0" * 100,
    "text": b"an error occurred",
    "a-web-page": b"<!doctype html><html><body>Hej</body></html>",
    "a-page-without-a-doctype": b"<html><body>Hej</body></html>",
    "json": b'{"institution": {"kommunenr": "101"}}',
    "soap-1.1": GOOD.replace(NS, "http://schemas.xmlsoap.org/soap/envelope/").encode(),
    "an-empty-body": f'<e:Envelope xmlns:e="{NS}"><e:Body/></e:Envelope>'.encode(),
    "no-body": f'<e:Envelope xmlns:e="{NS}"/>'.encode(),
    "something-beside-the-body": GOOD.replace("<e:Body>", "<x/><e:Body>").encode(),
    "cut-short": GOOD[:-20].encode(),
    "two-roots": (GOOD + GOOD).encode(),
    "a-bomb": (BOMB + GOOD.replace("A2", "&b;")).encode(),
    "a-file": (FILE + GOOD.replace("A2", "&x;")).encode(),
    "a-doctype-elsewhere": (ELSEWHERE + GOOD).encode(),
    "a-parameter-entity": (PARAMETER + GOOD).encode(),
    "a-harmless-doctype": ("<!DOCTYPE l>" + GOOD).encode(),
    "an-unknown-entity": GOOD.replace("A2", "&nbsp;").encode(),
    "an-unknown-encoding": b'<?xml version="1.0" encoding="klingon"?>' + GOOD.encode(),
    "an-encoding-of-many-bytes": b'<?xml version="1.0" encoding="utf-7"?>' + GOOD.encode(),
    "broken-utf-8": GOOD.replace("A2", "A\xff2").encode("latin-1"),
    "too-deep": GOOD.replace("A2", DEEP).encode(),
    "too-many": GOOD.replace("A2", "<a/>" * 3000).encode(),
}


def test_fields_are_read_by_their_path_and_the_first_counts() -> None:
    assert soap.read(GOOD.encode()) == {
        ("answer", "school", "number"): "A1",
        ("answer", "school"): "",
        ("answer",): "",
    }


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_encodings_that_say_which_they_are(encoding: str) -> None:
    said = f'<?xml version="1.0" encoding="{encoding}"?>' + GOOD.replace("A1", "æøå")
    read = soap.read(said.encode(encoding))
    assert read["answer", "school", "number"] == "æøå"


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD)
def test_nothing_is_read_of_anything_else(raw: bytes) -> None:
    assert soap.read(raw) == {}


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything(raw: bytes) -> None:
    assert soap.read(raw) == {}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"])))
def test_what_is_written_is_read_as_it_was_meant(value: str) -> None:
    written = soap.write("urn:x", "ask", [("field", value), ("other", "</w:ask>")])
    read = soap.read(written)
    assert set(read) == {("ask",), ("ask", "field"), ("ask", "other")}
    assert read["ask", "field"] == value.strip()
    assert read["ask", "other"] == "</w:ask>"

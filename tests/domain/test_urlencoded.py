"""Forms and queries are what urllib writes."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from accounts.http.urlencoded import urlencoded

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT, TEXT))
@example({"scope": "openid profile", "": "", "~": "a+b&c=d%20", "æ": "å\n"})
def test_fields_are_written_as_urllib_does(fields: dict[str, str]) -> None:
    said = urlencoded(fields)
    assert said == urlencode(fields) == urlencoded(list(fields.items()))
    assert dict(parse_qsl(said, keep_blank_values=True)) == fields

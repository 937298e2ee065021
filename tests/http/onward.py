"""The page from which a browser goes on by itself, when a form of ours leads abroad."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.utils.html import escape


def onward(client: Client, response: Any) -> Any:
    """Return the answer to a form with the address to which its page leads as its `Location`.

    The page is read as a browser reads it: at once, by `Refresh` or by its link, without a script.
    """
    page = response
    if response.status_code == 303:
        assert response["Location"].startswith("/onward/"), response["Location"]
        page = client.get(response["Location"])
    assert page.status_code == 200
    assert page["Cache-Control"] == "no-store"
    delay, _, url = page["Refresh"].partition("; url=")
    assert delay == "0"
    assert f'href="{escape(url)}"' in page.content.decode()
    response["Location"] = url
    return response

"""What is said on the next page: messages in a sealed cookie of ours, for one session."""

import json
from typing import Any

from django.contrib.messages.storage.cookie import CookieStorage, MessageDecoder
from django.db import DatabaseError
from django.http import HttpResponseBase

from portal.door import cookies, incoming

# Past the longest session that is usual. What is said to nobody, as after leaving, is for now.
_SIGNED_IN_SECONDS = 7 * 86_400
_NOBODY_SECONDS = 600


class Said(CookieStorage):
    """Messages that only the session which they were said to reads: the one that the request ends
    with. What was said to another, or to one that is over, is dropped, and the newest stay.
    """

    # A browser sends its other cookies in the same line, of which proxies take 8 KiB.
    max_cookie_size = 3072

    @property
    def cookie_name(self) -> str:  # type: ignore[override]
        """The name on the wire."""
        return cookies.named(cookies.SAID)

    def _update_cookie(self, encoded_data: Any, response: HttpResponseBase) -> None:
        if encoded_data:
            cookies.put(response, cookies.SAID, encoded_data, None)
        elif self.cookie_name in self.request.COOKIES:
            cookies.forget(response, cookies.SAID)

    def _encode_parts(self, messages: list[str], encode_empty: bool = False) -> str | None:
        if not messages and not encode_empty:
            return None
        whose = incoming.session_of(self.request).uid
        seconds = _SIGNED_IN_SECONDS if whose else _NOBODY_SECONDS
        return cookies.sealed(cookies.SAID, [json.loads(each) for each in messages], seconds, whose)

    def _decode(self, data: str | None) -> Any:
        if not data:
            return None
        try:
            whose = incoming.session_of(self.request).uid
        except DatabaseError:  # a page of trouble is shown all the same
            return None
        held = cookies.recall(self.request, cookies.SAID, bound=whose)
        if held is None:
            self.used = True  # as Django does, so that the cookie is taken back
        return MessageDecoder().process_messages(held)

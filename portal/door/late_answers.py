"""The session's cookie, in answers that come late."""

from typing import Any

from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest

from portal import conf


class Sessions(SessionMiddleware):
    """Django's middleware, which deletes the cookie of an unknown session. A script that only asks,
    as each tab of a front end does time and again, leaves it to the next page: its answer may come
    after that of a new sign-in in another tab, and would delete the new session's cookie.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Return the answer with its cookie (Fetch Metadata, 2.3: a script's mode is another)."""
        answer = super().process_response(request, response)
        mode = request.headers.get("Sec-Fetch-Mode", "navigate")
        held = answer.cookies.get(conf.session_cookie())
        if held is not None and not held.value and mode != "navigate" and request.method == "GET":
            del answer.cookies[held.key]
        return answer

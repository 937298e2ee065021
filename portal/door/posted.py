"""An upstream's answer that came by POST, kept in a cookie until it comes back by our GET: a
cross-site POST brings no Lax cookie. Each answer has a cookie of its own, so that two tabs do not
disturb each other.
"""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.http import urlencode

from accounts.errors import InvalidRequest
from accounts.keyring import digest
from accounts.login import flow
from portal.door import answers, cookies

# A browser keeps cookies of four kilobytes; sealing adds a third.
_LIMIT = 2800
_SECONDS = 60
# The only parameter of the GET: a digest of the answer's state.
_KEY = "posted"
_OURS = re.compile(r"vestibule-post-[0-9a-f]{16}\Z")


def come_back_by_get(request: HttpRequest, slug: str) -> HttpResponse:
    """Seal the answer and return 303 to the same path."""
    answer: list[list[str]] = [[k, v] for k, values in request.POST.lists() for v in values]
    if sum(len(k) + len(v) for k, v in answer) > _LIMIT:
        return answers.fail(request, InvalidRequest("The answer is too long."), slug, cost=0)
    key = digest(request.POST.get("state", ""))[:16]
    response = answers.see_other(f"{request.path}?{_KEY}={key}")
    name, slack = _name(key), cookies.NEXT_STEP
    cookies.remember(response, name, answer, _SECONDS, path=request.path, slack=slack)
    return response


def answer_of(request: HttpRequest) -> QueryDict | None:
    """Return the answer for which the browser comes back, or None."""
    if request.GET.keys() != {_KEY}:
        return None
    held: Any = cookies.recall(request, _name(request.GET[_KEY]), path=request.path)
    return QueryDict(urlencode(held)) if isinstance(held, list) else None


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """Take the answer's cookie back, and the oldest of others, which a browser names first, beyond
    as many as it may have flows.
    """
    others = [name for name in request.COOKIES if _OURS.match(name)]
    for name in {_name(request.GET[_KEY]), *others[: -flow.AT_MOST]}:
        cookies.forget(response, name, path=request.path)


def _name(key: str) -> str:
    return f"vestibule-post-{key}"

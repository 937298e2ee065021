"""Leaving the site after a form: by a page of ours, never by a redirect that may end abroad.

Chromium checks `form-action` (CSP 3) on every redirect that follows a submitted form, and an
upstream redirects on to origins that nobody can list. From a page of ours a new navigation starts.
"""

import re
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

from portal import conf
from portal.door import answers, cookies, shared

_PREFIX = "/onward/"
_CALLBACK = re.compile(r"/auth/callback/|/openid/[^/]+/callback\Z")
_CLEARS = "Clear-Site-Data"
_SECONDS = 60
# Paths of ours whose GET redirects to another origin.
_BEGINNING = ("/auth/login/", "/openid/")
_ABROAD = (*_BEGINNING, "/oauth/", "/gateway/")


class AfterForm:
    """Middleware: answers what would lead abroad after a form by a page that leads there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the answer, or 303 to the page; the cookies of the answer stay, and what it clears
        at a shared computer.
        """
        response = self.get_response(request)
        url = response.headers.get("Location", "")
        if not url or not _ends_a_form_abroad(request, url):
            return response
        page = _by_page(request, url)
        page.cookies.load(response.cookies)
        if _CLEARS in response.headers:
            page[_CLEARS] = response[_CLEARS]
        return page


def led_on(request: HttpRequest, url: str) -> HttpResponse:
    """Return the way to `url` for who may have been led here by an upstream, from a form of its own
    that allows this site alone.
    """
    return _by_page(request, url) if _may_end_abroad(url) else answers.see_other(url)


def _ends_a_form_abroad(request: HttpRequest, url: str) -> bool:
    """Tell whether a form may have led here, and `url` leads on abroad.

    It may be an upstream's, which sends its answer by redirects and allows them this site alone.
    """
    if request.method != "POST" and not _CALLBACK.match(request.path):
        return False
    parts = urlsplit(url)
    ours = "" if parts.netloc else parts.path  # a front end may have the same paths
    if _CALLBACK.match(request.path) and ours == request.path:
        return False  # an answer by POST comes back by GET, and is judged there
    # At an answer no other sign-in begins without a click.
    begins = request.method != "POST" and ours.startswith(_BEGINNING)
    return _may_end_abroad(url) and not begins


def page_of(request: HttpRequest, key: str) -> HttpResponse:
    """Return the page of a former POST, or the way to the front page when it is gone. At a shared
    computer, where the cookie would stay until the browser is closed, it is shown once.
    """
    url = cookies.recall(request, _name(key), path=_PREFIX + key)
    if not isinstance(url, str):
        return answers.see_other("/")
    page = _page(request, url)
    if shared.is_marked(request):
        cookies.forget(page, _name(key), path=_PREFIX + key)
    return page


def _by_page(request: HttpRequest, url: str) -> HttpResponse:
    """Return 303 to a page with an address of its own, so that Back leads to the form. A URL that
    is too long for a cookie, such as one with an id_token_hint, is shown at once.
    """
    key = secrets.token_hex(8)
    sealed = cookies.sealed(_name(key), url, _SECONDS + cookies.NEXT_STEP)
    if len(sealed) > cookies.LONGEST:
        return _page(request, url)
    response = answers.see_other(_PREFIX + key)
    cookies.put(response, _name(key), sealed, _SECONDS, path=_PREFIX + key)
    return response


def _page(request: HttpRequest, url: str) -> HttpResponse:
    response = answers.page(request, "onward.html", {"url": url})
    response["Refresh"] = f"0; url={url}"
    return response


def _name(key: str) -> str:
    return f"vestibule-onward-{key}"


def _may_end_abroad(url: str) -> bool:
    parts = urlsplit(url)
    if parts.netloc or parts.scheme or parts.path.startswith(_ABROAD):
        return True
    # These lead to the only source, or to the institution's own front page.
    return (parts.path == "/login" and "choose=" not in parts.query) or (
        parts.path == "/" and bool(conf.frontpage_url())
    )

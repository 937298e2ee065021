"""What people see of the CMS, and its ways to and from the other site (docs/threats.md 2.2,
2.7).
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from tests.sandbox import conf as sandbox
from tests.sandbox.answers import SeeOther
from tests.sandbox.cms import conf, controls, patrons, visitors

BIBDK = "bibdk"
CALLBACK = "/auth/callback/adgangsplatformen"


@never_cache
@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Show who is signed in, the ways in and out, and the switches for faults."""
    context = {
        "person": visitors.of(request),
        "unregistered": "unregistered" in request.GET,
        "site": sandbox.site_origin(),
        "kinds": controls.KINDS,
        "current": controls.current(),
    }
    return render(request, "cms/front.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponseBase:
    """Ask who the person wants to be, in Adgangsplatformen's place.

    Somebody who is signed in is signed out first and begins anew.
    """
    if request.method == "GET" and visitors.of(request):
        response: HttpResponseBase = HttpResponseRedirect(request.get_full_path())
        visitors.end(request, response)
        return response
    person = patrons.find(request.POST.get("person", ""))
    target = _own_path(request.POST.get("current-path") or request.GET.get("current-path", ""))
    if request.method == "GET":
        context = {"people": patrons.PEOPLE, "target": target}
        return render(request, "cms/login.html", context)
    if person is None:
        return SeeOther("/")
    # Who is not registered ends on the CMS's own front page, signed in all the same.
    known = person.is_registered or person.is_editor
    response = SeeOther(_by_bibdk("login", target if known else "/?unregistered"))
    visitors.begin(response, person)
    return response


@never_cache
@require_safe
def go_login(request: HttpRequest) -> HttpResponseBase:
    """Lead to the other site's callback. Nothing is added: no ticket, no state."""
    return HttpResponseRedirect(sandbox.site_origin() + CALLBACK)


@never_cache
@require_safe
def logout(request: HttpRequest) -> HttpResponseBase:
    """Sign out. Strangers are forbidden to; who has no token ends on the front page."""
    person = visitors.of(request)
    if person is None:
        return render(request, "cms/forbidden.html", status=403)
    target = _own_path(request.GET.get("current-path", ""))
    response = HttpResponseRedirect(_by_bibdk("logout", "/" if person.is_editor else target))
    visitors.end(request, response)
    return response


@never_cache
@require_safe
def bibdk(request: HttpRequest, act: str) -> HttpResponseBase:
    """Begin or end the session of bib.dk, where patrons really sign in; lead back to the CMS."""
    path = _own_path(request.GET.get("current-path", ""))
    response = HttpResponseRedirect(conf.cms_origin() + path)
    if act == "login":
        response.set_cookie(BIBDK, "signed-in", httponly=True, samesite="Lax")
    else:
        response.delete_cookie(BIBDK, samesite="Lax")
    return response


@never_cache
@require_safe
def go_logout(request: HttpRequest) -> HttpResponseBase:
    """Lead to the other site's front page."""
    return HttpResponseRedirect(sandbox.site_origin() + "/")


def _by_bibdk(act: str, path: str) -> str:
    """Return the way to a path of the CMS, over bib.dk where there is one."""
    query = urlencode({"current-path": path})
    return f"{conf.bibdk_origin()}/bibdk/{act}?{query}" if conf.bibdk_origin() else path


def _own_path(path: str) -> str:
    """Return a path of the CMS; anything else is its front page."""
    parts = urlsplit(path)
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if is_own and path.isprintable() else "/"

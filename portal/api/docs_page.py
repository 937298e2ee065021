"""The description of the API as a page that people read, without a script; and as one on which they
try it, by Swagger UI. No other host is asked (docs/decisions/0010-swagger-ui.md).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from portal.api.json_view import description
from portal.door import answers

_METHODS = ("get", "post", "put", "patch", "delete")


@login_not_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show each route with its parameters, what is posted, and what it answers."""
    context = {"operations": list(_operations(description()))}
    return answers.page(request, "docs.html", context)


@login_not_required
@require_safe
def try_out(request: HttpRequest) -> HttpResponse:
    """Show Swagger UI, which calls this site as the person who is signed in."""
    return answers.page(request, "docs_try.html")


def _operations(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in schema["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield _operation(path, method, methods[method])


def _operation(path: str, method: str, said: Mapping[str, Any]) -> dict[str, Any]:
    posted = said.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "path": path,
        "description": _shown(said),
        "parameters": [
            (each["name"], each["in"], _shown(each)) for each in said.get("parameters", [])
        ],
        "posted": sorted(posted),
        "answers": [(status, _shown(each)) for status, each in said["responses"].items()],
    }


def _shown(said: Mapping[str, Any]) -> SafeString:
    """Return a description as HTML: what stands between backticks is code (CommonMark, 6.1)."""
    parts = said.get("description", "").split("`")
    if len(parts) % 2 == 0:  # the last backtick opens nothing
        parts[-2:] = ["`".join(parts[-2:])]
    marks = ((("<code>{}</code>" if n % 2 else "{}"), each) for n, each in enumerate(parts))
    return mark_safe("".join(format_html(mark, each) for mark, each in marks))  # noqa: S308

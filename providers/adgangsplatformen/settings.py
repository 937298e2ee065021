"""What an operator may say of a library's CMS."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

from accounts.http.address import UNCLEAR, origin_of
from accounts.provider.marks import TRUSTED
from accounts.provider.shown import Shown
from accounts.upstream import urls
from providers.adgangsplatformen.form import SHOWN

# A cookie's name is a token (RFC 6265, 4.1.1); a star would make it a pattern.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_PATHS = ("graphql_path", "login_path", "logout_path", "after_login", "after_logout")
_FEWEST_OF_A_KEY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CmsSettings:
    """A library's CMS. Only `cms_url`, its public origin, is needed (docs/threats.md 2.2 to 2.4).

    `graphql_user` and `graphql_password` let us ask the CMS where its login and logout are; without
    them both are built of the paths. `path_parameter` names the parameter that says where the CMS
    sends people afterwards: `current-path` on the real one.
    `cookie_name` is the exact name of the CMS's session cookie; empty tries each that looks like
    one of Drupal's.
    `userinfo_url` (Adgangsplatformen's) and `patron_url` (FBS's) are asked with the patron's token.
    The first identifies a patron by CPR number or unique id, which are kept only as an HMAC under
    `subject_key`; the second gives name and status, and identifies by patron number where the first
    is not set. `registered_only` lets in only patrons of this library.
    `recheck` asks the CMS again for a living session after so many seconds; 0 only when something
    has changed.
    `inside`: calls may reach addresses inside our own net.
    """

    shown: ClassVar[Mapping[str, Shown]] = SHOWN

    cms_url: str = field(metadata=TRUSTED)
    graphql_user: str = ""
    graphql_password: str = field(default="", metadata={"secret": True}, repr=False)
    graphql_path: str = field(default="/graphql", metadata=TRUSTED)
    login_path: str = field(default="/login", metadata=TRUSTED)
    logout_path: str = field(default="/logout", metadata=TRUSTED)
    path_parameter: str = field(default="current-path", metadata=TRUSTED)
    after_login: str = field(default="/go-login", metadata=TRUSTED)
    after_logout: str = field(default="/go-logout", metadata=TRUSTED)
    cookie_name: str = field(default="", metadata=TRUSTED)
    patron_url: str = field(default="", metadata=TRUSTED)
    userinfo_url: str = field(default="", metadata=TRUSTED)
    subject_key: str = field(default="", metadata={"secret": True, **TRUSTED}, repr=False)
    registered_only: bool = False
    recheck: int = 0
    inside: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` that names the first wrong field and what it should be."""
        for problem in problems(self):
            raise ValueError(problem)

    @property
    def origin(self) -> str:
        """The CMS's origin, as a browser spells it."""
        return origin_of(self.cms_url)

    def built(self, path: str, then: str) -> str:
        """Return the address of `path` that leads to the CMS's own path `then` afterwards."""
        return f"{self.origin}{path}?{urlencode({self.path_parameter: then}, safe='/')}"


def problems(settings: CmsSettings) -> Iterator[str]:
    """Say what is wrong with settings, a sentence for each field; nothing when all is well."""
    yield from _url_problems(settings)
    for name in _PATHS:
        if not _is_path(getattr(settings, name)):
            yield _("%s must be a path such as /login") % name
    if not _TOKEN.fullmatch(settings.path_parameter):
        yield _("path_parameter must be the name of a parameter, such as current-path")
    if settings.cookie_name and not _TOKEN.fullmatch(settings.cookie_name):
        yield _("cookie_name must be the whole name of a cookie, or empty")
    if bool(settings.graphql_user) != bool(settings.graphql_password):
        yield _("graphql_user and graphql_password must be given together")
    if settings.userinfo_url and len(settings.subject_key) < _FEWEST_OF_A_KEY:
        yield _("subject_key must have at least 32 characters when userinfo_url is set")
    if settings.registered_only and not settings.patron_url:
        yield _("registered_only needs patron_url, which tells who is registered")
    if settings.recheck and not 60 <= settings.recheck <= 86400:
        yield _("recheck must be 0, or between 60 and 86400 seconds")


def _url_problems(settings: CmsSettings) -> Iterator[str]:
    for name in ("cms_url", "patron_url", "userinfo_url"):
        url = getattr(settings, name)
        if (url or name == "cms_url") and (wrong := urls.fault(url)):
            yield f"{name} {wrong}"
    parts = urlsplit(settings.cms_url)
    if parts.path.strip("/") or parts.query:
        yield _("cms_url must be the CMS's origin, without a path")


def _is_path(path: str) -> bool:
    clear = not UNCLEAR.search(path) and "?" not in path and "#" not in path
    return clear and path.startswith("/") and not path.startswith("//")

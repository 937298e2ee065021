"""The variables of the environment that look like ours, and what reads them."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from django.utils.translation import gettext as _

from accounts.conf import secret_env
from accounts.provider import Finding
from portal import conf

_TRAILER = "_FILE"


def unread(
    given: Iterable[str], known: frozenset[str], gone: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield which of the variables `given` are not read. `gone` says what is there in the place of
    one that a former version read.
    """
    read = known | {f"{name}{_TRAILER}" for name in conf.known_names(in_files=True)}
    strangers = [name for name in given if name not in read and not _is_of_a_source(name)]
    for name in strangers:
        if instead := gone.get(name):
            said = _("%s is read no more.") % name
            yield Finding(False, said, instead)
            continue
        alike = get_close_matches(name, known, 1)
        fix = _("Perhaps %s is meant.") % alike[0] if alike else _("Take it out.")
        yield Finding(False, _("%s is set, and nothing reads it.") % name, fix)
    if not strangers:
        yield Finding(True, _("Each variable that is set is read."))


def _is_of_a_source(name: str) -> bool:
    prefix = secret_env()
    return bool(prefix) and name.startswith(prefix)

"""Each reason for a failed login as a plain sentence and what to do next."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts import errors
from accounts.login import sign_in
from accounts.models import Source
from accounts.provider import Explains
from accounts.source.catalogue import ConfiguredSource
from portal.door import flows, ways_in

_STATUS = {
    errors.NOT_AUTHORIZED: 403,
    errors.NOT_REGISTERED: 403,
    errors.DISABLED: 403,
    errors.TOO_WEAK: 403,
    errors.STAFF_FIRST: 403,
    errors.LOCKED_OUT: 429,
    errors.UNAVAILABLE: 503,
    errors.BUSY: 503,
    errors.MISCONFIGURED: 503,
}
# Title, sentence, advice.
_TEXTS = {
    errors.NOT_AUTHORIZED: (
        _("You do not have access"),
        _("You were recognised, but this site is not open to you."),
        _("Ask your library, school or workplace whether you should have access."),
    ),
    errors.NOT_REGISTERED: (
        _("We do not know you yet"),
        _("You were recognised, but you are not registered here."),
        _("Ask the institution to register you, then sign in again."),
    ),
    errors.DISABLED: (
        _("Your account is closed"),
        _("This account has been closed by an administrator."),
        _("Write to or call the institution if you think that is a mistake."),
    ),
    errors.LOCKED_OUT: (
        _("Please wait a little"),
        _("There were too many attempts in a short time."),
        _("Wait five minutes, then try again."),
    ),
    errors.UNAVAILABLE: (
        _("Signing in is not possible right now"),
        _("The service that knows you does not answer at the moment."),
        _("Try again in a few minutes, or use another way to sign in."),
    ),
    errors.BUSY: (
        _("One moment, please"),
        _("Many people are signing in at this moment."),
        _("Nothing is wrong. Try again in a few seconds."),
    ),
    errors.MISCONFIGURED: (
        _("Signing in is not possible right now"),
        _("That is our fault, not yours: this site is not set up as it should be."),
        _("Tell the institution the code below, or use another way to sign in."),
    ),
    errors.EXPIRED: (
        _("That took too long"),
        _("For your safety a sign-in must be finished within ten minutes."),
        _("Start again; it usually works at once."),
    ),
    errors.CANCELLED: (
        _("You did not sign in"),
        _("The sign-in was stopped before it was finished."),
        _("Start again whenever you like."),
    ),
    errors.NO_PROOF: (
        _("We could not make sure that it is you"),
        _("The service that knows you does not tell us when you last signed in there."),
        _("Sign in another way for this, or tell the institution: it can be set up there."),
    ),
    errors.PASSKEY: (
        _("We could not sign you in"),
        _("This passkey does not open an account here. It may have been removed."),
        _("Try another passkey, or sign in with your password."),
    ),
    errors.PASSKEY_SUSPENDED: (
        _("This passkey is blocked"),
        _("Somebody may have a copy of it, so it does not sign you in any more."),
        _("Sign in with your password, then remove it from your account."),
    ),
    errors.SECOND_FACTOR: (
        _("A second step is needed"),
        _("The password was right, but here it is not enough."),
        _("Sign in in a browser, where you are asked for the code."),
    ),
    errors.STAFF_FIRST: (
        _("Sign in as an administrator first"),
        ways_in.WHY,
        _("Sign in by a way for administrators, then try again."),
    ),
}
_WRONG_PASSWORD = (
    _("We could not sign you in"),
    _("The username or the password is not right."),
    _("Check both and try again."),
)
_WRONG_FIELDS = (
    _("We could not sign you in"),
    _("What you typed does not fit together."),
    _("Check each field and try again."),
)
_ANOTHER_ACCOUNT = (
    _("This way in belongs to another account"),
    _("It leads to another account here already, so we did not add it to yours."),
    _("Is that account yours as well? Then ask the institution to join the two."),
)
_NO_FLOW = (
    _("We could not sign you in"),
    _("The sign-in took too long, or your browser keeps no cookies."),
    _("Start again. If it fails once more, allow cookies for this site in your browser."),
)


def status_of(reason: str) -> int:
    """Return the status of the page that tells of `reason`."""
    return _STATUS.get(reason, 400)


# Of these a source may know more.
_EXPLAINED = frozenset({errors.LOGIN_FAILED, errors.NOT_AUTHORIZED, errors.NO_PROOF})


def explain(
    reason: str,
    code: str,
    *,
    form: bool = False,
    source: ConfiguredSource | None = None,
    detail: str = "",
    asks_for_password: bool = True,
    linking: bool = False,
) -> dict[str, Any]:
    """Return title, sentence, advice and support code for `reason`, a constant of `errors`.

    `form` is for the page that still shows the form, which asks for a username and a password or
    for something else (`asks_for_password`), `source` the one that was tried, `detail` what
    was said of a refusal: its source may know more. `linking`: nobody was to be signed in.
    """
    texts: tuple[Any, Any, Any]
    if form and reason == errors.LOGIN_FAILED:
        texts = _not_accepted(source) if asks_for_password else _WRONG_FIELDS
    elif detail == sign_in.BELONGS_ELSEWHERE:
        texts = _ANOTHER_ACCOUNT
    elif detail == flows.UNKNOWN:
        texts = _NO_FLOW
    elif reason == errors.TOO_WEAK:
        texts = _too_weak(source.label if source else _("The source"))
    else:
        texts = _TEXTS.get(reason) or _failed(source.label if source else "")
    title, sentence, advice = texts
    if reason in _EXPLAINED and source and isinstance(source.provider, Explains):
        why, whom = source.provider.explain(detail)
        sentence, advice = why or sentence, whom or advice
    if linking and reason != errors.STAFF_FIRST and texts is not _ANOTHER_ACCOUNT:
        title = _("This way in was not added")  # but where the title says what to do
    return {
        "title": title,
        "sentence": sentence,
        "advice": advice,
        "code": code,
        "reason": reason,
    }


def _not_accepted(source: ConfiguredSource | None) -> tuple[Any, Any, Any]:
    """Return what to say of a wrong password: whose it should have been, unless it is our own."""
    if source is None or source.slug == Source.LOCAL:
        return _WRONG_PASSWORD
    title, _ours, _again = _WRONG_PASSWORD
    return (
        title,
        _("%(source)s did not accept what you typed.") % {"source": source.label},
        _("Check both fields. The password is the one of that account, not one of this site."),
    )


def _too_weak(where: Any) -> tuple[Any, Any, Any]:
    said = _("%(source)s did not confirm that you signed in with more than a password.")
    return (
        _("A stronger sign-in is needed"),
        said % {"source": where},
        _("Sign in there more strongly, such as by an app or a passkey, or choose another way."),
    )


def _failed(where: str) -> tuple[Any, Any, Any]:
    at = _("The sign-in did not work: %(source)s") % {"source": where}
    return (
        _("We could not sign you in"),
        at if where else _("The sign-in did not work."),
        _("Start again. If it fails once more, tell the institution the code below."),
    )

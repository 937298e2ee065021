"""Events, steps and reasons in words."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import errors

EVENTS = {
    "login.succeeded": _("Signed in"),
    "login.failed": _("Sign-in refused"),
    "person.enrolled": _("Came for the first time"),
    "person.created": _("Person added"),
    "person.changed": _("Person changed"),
    "person.admitted": _("Let in"),
    "person.disabled": _("Person disabled"),
    "person.deleted": _("Person deleted"),
    "person.erased": _("Account deleted"),
    "person.merged": _("Merged with another person"),
    "person.invited": _("Invited"),
    "person.status_changed": _("Status changed"),
    "identity.linked": _("Way in added"),
    "identity.unlinked": _("Way in removed"),
    "logout": _("Signed out"),
    "logout.delivered": _("Signed out at the source, later"),
    "logout.superseded": _("Not signed out at the source, since signed in again"),
    "logout.refused": _("Sign-out by the source refused"),
    "logout.given_up": _("Sign-out at the source given up"),
    "mail.given_up": _("Mail given up"),
    "notice.given_up": _("Notice to an application given up"),
    "session.ended": _("Session ended"),
    "session.unreadable": _("Session cannot be read any more"),
    "session.refreshed": _("Session renewed at the source"),
    "refresh.failed": _("Renewal at the source failed"),
    "password.changed": _("Password changed"),
    "password.link-sent": _("Link to a password sent"),
    "passkey.added": _("Passkey added"),
    "passkey.removed": _("Passkey removed"),
    "passkey.cloned": _("Passkey blocked, since there may be a copy"),
    "app-password.created": _("App password created"),
    "app-password.revoked": _("App password revoked"),
    "second.added": _("Second step set up"),
    "second.used": _("Second step passed"),
    "second.failed": _("Second step failed"),
    "second.removed": _("Second step removed"),
    "second.reset": _("Second step reset"),
    "recovery.made": _("Recovery codes made"),
    "recovery.used": _("Recovery code used"),
    "duty.changed": _("Duty to have a second step changed"),
    "letmein.issued": _("Link printed on the terminal"),
    "letmein.used": _("Signed in by a link from the terminal"),
    "consent.withdrawn": _("Application's access withdrawn"),
    "consent.denied": _("Application not allowed"),
    "device.new": _("Signed in with a new browser"),
    "device.trusted": _("Browser trusted"),
    "device.forgotten": _("Trust in a browser ended"),
    "device.approved": _("Device allowed"),
    "device.denied": _("Device not allowed"),
    "token.reused": _("Token used twice"),
    "token.revoked": _("Token revoked"),
    "code.reused": _("Code used twice"),
    "page.refused": _("Page refused"),
    "gateway.refused": _("Not let into an application"),
    "rule.saved": _("Access rule saved"),
    "rule.disabled": _("Access rule disabled"),
    "rule.deleted": _("Access rule deleted"),
    "client.saved": _("Client saved"),
    "client.deleted": _("Client deleted"),
    "source.created": _("Source added"),
    "source.changed": _("Source changed"),
    "source.deleted": _("Source deleted"),
    "source.tested": _("Source tested"),
    "role.created": _("Group added"),
    "role.changed": _("Group changed"),
    "role.deleted": _("Group deleted"),
    "record.created": _("Record added"),
    "record.changed": _("Record changed"),
    "record.deleted": _("Record deleted"),
    "events.exported": _("Events exported"),
}
STEPS = {
    "call": pgettext_lazy("step", "Calls the source"),
    "chose": pgettext_lazy("step", "Chooses this way to sign in"),
    "sent": pgettext_lazy("step", "Sends the person there to sign in"),
    "answered": pgettext_lazy("step", "Sends the person back with an answer"),
    "typed": pgettext_lazy("step", "Sends the form"),
    "checked": pgettext_lazy("step", "Checks what was typed"),
    "passkey": pgettext_lazy("step", "Uses a passkey"),
    "asked-out": pgettext_lazy("step", "Asks to sign out"),
    "asked-page": pgettext_lazy("step", "Asks for a page"),
}
REASONS = {
    errors.LOGIN_FAILED: _("The sign-in did not succeed"),
    errors.NOT_AUTHORIZED: _("Recognised, but not allowed here"),
    errors.NOT_REGISTERED: _("Recognised, but not registered here"),
    errors.DISABLED: _("The account is disabled"),
    errors.LOCKED_OUT: _("Too many attempts"),
    errors.UNAVAILABLE: _("The source did not answer"),
    errors.BUSY: _("Too many people at once"),
    errors.MISCONFIGURED: _("The source is not set up as it should be"),
    errors.EXPIRED: _("It took too long"),
    errors.CANCELLED: _("The person stopped"),
    errors.NO_PROOF: _("The source gave no proof of a recent sign-in"),
    "key-gone": _("The key that sealed it is gone"),
    "damaged": _("What is stored is damaged"),
    errors.PASSKEY: _("The passkey is not known, or does not fit"),
    errors.PASSKEY_SUSPENDED: _("The passkey is blocked"),
    errors.STAFF_FIRST: _("An administrator has not signed in as one"),
    errors.SECOND_FACTOR: _("The code of the second step is wrong or missing"),
    errors.TOO_WEAK: _("The sign-in was weaker than what was asked for"),
    "not-understood": _("No provider here makes such sessions, or a newer version did"),
    "bad-request": _("The address or form was malformed"),
    "too-large": _("What was sent is larger than the site takes"),
    "forbidden": _("No right to see this page"),
    "not-found": _("There is no such page"),
    "form-expired": _("The form was too old, or came from elsewhere"),
    "server-error": _("A defect of this site; the log says more"),
    # What the gateway refuses (docs/gateway.md 2); the door knows no constants of a room.
    "no-rule": _("No rule speaks of this host, path and method, so nobody comes in."),
    "method": _("This method is never let in."),
    "upgrade": _("The rule lets no WebSocket in."),
    "nobody": _("The rule lets nobody in."),
    "awaiting-access": _("The person awaits access."),
    "scope": _("The access token lacks the scope gateway."),
    "reach": _("The app password does not reach so far."),
    "type": _("The session is of none of the rule's types."),
    "group": _("The person is in none of the rule's groups."),
}


def of_event(name: str) -> str:
    """Return what happened in words; of an event that nobody has put into words, its name."""
    return str(EVENTS.get(name, name.replace(".", " ").replace("_", " ").capitalize()))


def of_step(what: str) -> str:
    """Return what a step does in words."""
    return str(STEPS.get(what, what.replace("-", " ").capitalize()))


def of_reason(reason: str) -> str:
    """Return a reason in words; nothing for none."""
    return str(REASONS.get(reason, reason))

"""The institution service of Unilogin (WsiInst), asked for the municipality of an institution.

Its one operation in use is written out here, so no WSDL is fetched.
"""

import time

from django.utils.translation import gettext_noop as _

from accounts.errors import Misconfigured, Said, TemporarilyUnavailable
from accounts.http import Answer, Client
from accounts.provider import Clock
from accounts.upstream.last_good import LastGood, Registry
from providers.unilogin import institutions, soap
from providers.unilogin.settings import UniloginSettings

# For all look-ups of one sign-in together.
SECONDS = 4.0
_LARGEST = 64 * 1024
# An institution that is not known today may be tomorrow.
_UNKNOWN_SECONDS = 60
_INSTITUTION = ("hentInstitutionResponse", "institution")
# How the service names its fault (WsiInst v5), and how a person would spell it.
_REFUSED = ("authentificationfault", "authenticationfault")

kept: Registry[LastGood[str]] = Registry(4096)


class CredentialsRefused(Misconfigured):
    """The service does not take `ws_user` and `ws_password`."""


class InstitutionService:
    """Asks the service by HTTP. Cheap to make; the answers are shared by the process."""

    def __init__(self, settings: UniloginSettings, http: Client, clock: Clock) -> None:
        self._settings, self._http, self._clock = settings, http, clock

    def municipality(self, instnr: str, until: float) -> str:
        """Return the municipality of an institution, '' when the service knows none of it.

        `until` is the moment, in seconds of `time.monotonic()`, at which there must be an answer.
        Raises `TemporarilyUnavailable`, also for a fault.
        """
        settings = self._settings
        key = f"{settings.ws_address}\n{settings.ws_user}\n{settings.cache_seconds}\n{instnr}"
        known = kept.obtain(key, lambda: LastGood(str, max_age=self._max_age, kept=0))
        wait = until - time.monotonic()
        return known.get(lambda: self.ask(instnr, until), self._clock(), wait)

    def ask(self, instnr: str, until: float) -> str:
        """Return what `municipality` does, fetched now."""
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise TemporarilyUnavailable(Said(_("The institution service takes too long.")))
        settings = self._settings
        fields = (
            ("wsBrugerid", settings.ws_user),
            ("wsPassword", settings.ws_password),
            ("instnr", instnr),
        )
        answer = self._http.post(
            settings.ws_address,
            content=soap.write(settings.ws_namespace, "hentInstitution", fields),
            headers={
                # RFC 3902, 3: SOAP 1.2 has its action here, and no SOAPAction header.
                "Content-Type": "application/soap+xml; charset=utf-8; "
                f'action="{settings.ws_action}"',
                "Accept": "application/soap+xml",
            },
            deadline=seconds,
            max_bytes=_LARGEST,
        )
        return _municipality(answer, instnr)

    def _max_age(self, municipality: str) -> float:
        lasts = self._settings.cache_seconds
        return lasts if municipality else min(lasts, _UNKNOWN_SECONDS)


def _municipality(answer: Answer, instnr: str) -> str:
    fields = soap.read(answer.body)
    if ("Fault",) in fields:
        raise _fault(fields)
    if answer.status != 200 or _INSTITUTION[:1] not in fields:
        template = _("The institution service answers %(status)d, no SOAP.")
        raise TemporarilyUnavailable(Said(template, status=answer.status))
    if _INSTITUTION not in fields:
        return ""
    if institutions.number(fields.get((*_INSTITUTION, "instnr"))) != instnr:
        said = Said(_("The institution service speaks of another institution."))
        raise TemporarilyUnavailable(said)
    return institutions.municipality(fields.get((*_INSTITUTION, "kommunenr")))


def _fault(fields: soap.Fields) -> TemporarilyUnavailable:
    """Return the fault (SOAP 1.2 Part 1, 5.4) without its text, which may repeat what was asked."""
    named = {path[2].lower() for path in fields if path[:2] == ("Fault", "Detail") and path[2:]}
    if named & set(_REFUSED):
        return CredentialsRefused(
            Said(_("The institution service refuses ws_user and ws_password."))
        )
    return Misconfigured(Said(_("The institution service answers with a fault.")))

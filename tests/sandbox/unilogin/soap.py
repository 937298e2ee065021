"""The institution service: SOAP 1.2 over HTTP (W3C, SOAP Version 1.2 Part 1 and Part 2, 7)."""

from __future__ import annotations

import hmac
import time
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.sax.saxutils import escape

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tests.sandbox.faults import DOWN, REFUSES, SLOW, SLOW_SECONDS
from tests.sandbox.unilogin import faults
from tests.sandbox.unilogin.schools import FOR_TESTS, SCHOOLS, WS_PASSWORD, WS_USER, School

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
NAMESPACE = "https://wsiinst.unilogin.dk/ws"
TYPES = "https://unilogin.dk/data"
ACTION = "https://wsiinst.unilogin.dk/hentInstitution"
MEDIA_TYPE = "application/soap+xml"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "boom">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
_HUGE_BYTES = 1024 * 1024


class _Fault(Exception):
    """A fault to answer with: `code` is Sender or Receiver, `detail` its element, if any."""

    def __init__(self, code: str, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.detail = code, reason, detail


@csrf_exempt  # servers call here, with credentials of their own
@require_POST
def service(request: HttpRequest) -> HttpResponseBase:
    """Answer `hentInstitution`, the one operation, or with the fault of the moment."""
    kind = faults.switch.current
    if kind == SLOW:
        time.sleep(SLOW_SECONDS)
    if kind == DOWN:
        return HttpResponse(status=503)
    if kind == faults.HTML:
        return HttpResponse("<!doctype html><title>Velkommen</title>")
    if kind == faults.BOMB:
        return _answer(_BOMB + _enveloped("<x>&c;</x>"))
    if kind == faults.HUGE:
        return _answer(_enveloped(f"<x>{' ' * _HUGE_BYTES}</x>"))
    try:
        return _answer(_enveloped(_hent_institution(request)))
    except _Fault as fault:
        return _answer(_enveloped(_written(fault)), 400 if fault.code == "Sender" else 500)


def _hent_institution(request: HttpRequest) -> str:
    asked = _asked(request)
    if faults.switch.current == faults.SOAP_FAULT:
        raise _Fault("Receiver", "Something went wrong.")
    known = hmac.compare_digest(asked["wsBrugerid"].encode(), WS_USER.encode())
    known &= hmac.compare_digest(asked["wsPassword"].encode(), WS_PASSWORD.encode())
    if not known or faults.switch.current == REFUSES:
        detail = f'<f:authentificationFault xmlns:f="{NAMESPACE}"/>'
        raise _Fault("Sender", "The user name or the password is wrong.", detail)
    school = SCHOOLS.get(asked["instnr"])
    if faults.switch.current == faults.OTHER:
        school = FOR_TESTS
    inside = _institution(school) if school else ""
    return f'<w:hentInstitutionResponse xmlns:w="{NAMESPACE}">{inside}</w:hentInstitutionResponse>'


def _asked(request: HttpRequest) -> dict[str, str]:
    """Return the fields of the request, which must be the operation and nothing else."""
    content_type = request.headers.get("Content-Type", "")
    if request.content_type != MEDIA_TYPE or f'action="{ACTION}"' not in content_type:
        raise _Fault("Sender", "The content type or its action is wrong.")
    operation = _body(request.body).find(f"{{{NAMESPACE}}}hentInstitution")
    if operation is None:
        raise _Fault("Sender", "The operation is unknown.")
    names = ("wsBrugerid", "wsPassword", "instnr")
    if [each.tag for each in operation] != [f"{{{NAMESPACE}}}{name}" for name in names]:
        raise _Fault("Sender", "The fields are not those of the operation.")
    return {name: each.text or "" for name, each in zip(names, operation, strict=True)}


def _body(raw: bytes) -> Element:
    if b"<!" in raw:  # SOAP 1.2 Part 1, 5: no document type declaration
        raise _Fault("Sender", "The message holds a declaration.")
    try:
        envelope = fromstring(raw)  # noqa: S314  # without a declaration there is no entity
    except ParseError:
        raise _Fault("Sender", "The message is not XML.") from None
    body = envelope.find(f"{{{ENVELOPE}}}Body")
    if envelope.tag != f"{{{ENVELOPE}}}Envelope" or body is None:
        raise _Fault("Sender", "The message is no SOAP 1.2 envelope.")
    return body


def _institution(school: School) -> str:
    fields = {
        "instnr": school.instnr,
        "instnavn": school.name,
        "type": "121",
        "typenavn": "Folkeskoler",
        "kommunenr": school.kommunenr,
        "kommune": school.kommune,
    }
    inside = "".join(f"<d:{name}>{escape(value)}</d:{name}>" for name, value in fields.items())
    return f'<w:institution xmlns:d="{TYPES}">{inside}</w:institution>'


def _written(fault: _Fault) -> str:
    """Part 1, 5.4."""
    detail = f"<s:Detail>{fault.detail}</s:Detail>" if fault.detail else ""
    return (
        f"<s:Fault><s:Code><s:Value>s:{fault.code}</s:Value></s:Code><s:Reason>"
        f'<s:Text xml:lang="en">{escape(str(fault))}</s:Text></s:Reason>{detail}</s:Fault>'
    )


def _enveloped(inside: str) -> str:
    return f'<s:Envelope xmlns:s="{ENVELOPE}"><s:Body>{inside}</s:Body></s:Envelope>'


def _answer(message: str, status: int = 200) -> HttpResponse:
    return HttpResponse(
        message.encode(), status=status, content_type=f"{MEDIA_TYPE}; charset=utf-8"
    )

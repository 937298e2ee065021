"""The institutions that the stand-in's institution service knows."""

from __future__ import annotations

from dataclasses import dataclass

# The municipality whose library the demo is.
HOME = "101"
WS_USER = "vestibule-ws"
# No secret: it opens nothing but a stand-in on this machine, and is written in docs/unilogin.md.
WS_PASSWORD = "known-to-everybody-as-well"


@dataclass(frozen=True, slots=True)
class School:
    """An institution, as far as a sign-in is concerned."""

    instnr: str
    name: str
    kommunenr: str
    kommune: str


BY_THE_LAKES = School("A10101", "Skolen ved Søerne", HOME, "København")
ON_THE_HILL = School("A14701", "Skolen på Bakken", "147", "Frederiksberg")
# The institution that Unilogin keeps for tests; it lies in no municipality that is asked for.
FOR_TESTS = School("A04441", "DDF testskole", "999", "Testkommune")
SCHOOLS = {each.instnr: each for each in (BY_THE_LAKES, ON_THE_HILL, FOR_TESTS)}

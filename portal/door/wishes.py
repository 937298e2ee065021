"""What an application wishes of a sign-in, on its way to the source that is chosen (OIDC Core,
3.1.2.1), and the strength that a rule of ours demands. It travels in the address of the sign-in,
where anybody can write: so it is read strictly, and what does not fit is left out. It opens
nothing: whoever takes a demand out meets the rule again.
"""

import re
from collections.abc import Mapping

from django.http import HttpRequest, QueryDict

from accounts import strength
from accounts.provider import LoginFlow
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import Strength
from portal.door import shared

STRENGTH = "strength"
_SHAPES = {
    "login_hint": re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}"),
    "acr_values": re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*"),
    "max_age": re.compile(r"[0-9]{1,9}"),
    "ui_locales": re.compile(r"[A-Za-z0-9-]+( [A-Za-z0-9-]+)*"),
    STRENGTH: re.compile("|".join(each.word for each in Strength)),
}
_LONGEST = 255


def of(request: HttpRequest) -> dict[str, str]:
    """Return the wishes in the address of a request, by their names in OpenID Connect, and the
    demand as `strength`.
    """
    return {name: word for name in _SHAPES if (word := _read(request.GET, name))}


def fitting(wished: Mapping[str, str]) -> dict[str, str]:
    """Return those of the wishes that a sign-in would read."""
    return {name: word for name, word in wished.items() if _fits(name, word)}


def posted(request: HttpRequest) -> str:
    """Return the `acr_values` that a posted form has carried on, or those of the address."""
    return _read(request.POST, "acr_values") or _read(request.GET, "acr_values")


def carried(request: HttpRequest, login_flow: LoginFlow | None = None) -> dict[str, str]:
    """Return what goes along where a sign-in is led another way: its wishes and its demand, as its
    flow, its form or its address has them, and that many use the computer.
    """
    if login_flow:
        found, is_shared = dict(login_flow.wishes), login_flow.shared
        if found.get(STRENGTH):  # of which the source's own words were made
            found.pop("acr_values", None)
    else:
        both = request.POST, request.GET
        read = {name: [_read(each, name) for each in both] for name in _SHAPES}
        found = {name: word for name, words in read.items() if (word := words[0] or words[1])}
        is_shared = any(each.get(shared.NAME) for each in both)
    return {**found, shared.NAME: "1"} if is_shared else found


def _read(given: QueryDict, name: str) -> str:
    found = given.getlist(name)
    return found[0] if len(found) == 1 and _fits(name, found[0]) else ""


def _fits(name: str, word: str) -> bool:
    return len(word) <= _LONGEST and bool(_SHAPES[name].fullmatch(word))


def told_to(source: ConfiguredSource, wished: dict[str, str]) -> dict[str, str]:
    """Return the wishes as a source is told them: the words for a strength are its own. What is
    demanded counts more than what is wished; the stronger of the two is asked for.
    """
    words = wished.get("acr_values", "").split()
    demand = strength.named(wished.get(STRENGTH, ""))
    if demand:
        wish = strength.asked_for(words) or demand
        words = [max(demand, wish).word]
    found = " ".join(strength.in_words_for(source, words))
    return {**wished, "acr_values": found} if found else wished


def demanded(request: HttpRequest, login_flow: LoginFlow | None) -> Strength | None:
    """Return how strong a sign-in must be: as its flow says, else the form or the address."""
    if login_flow:
        return strength.named(login_flow.wishes.get(STRENGTH, ""))
    given = request.POST if request.method == "POST" else request.GET
    return strength.named(given.get(STRENGTH, ""))

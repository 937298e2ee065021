"""The events of one support code, read as a story: who took part, and what they did in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Event, StoredSession, User
from accounts.source import catalogue
from accounts.trail.steps import HERE, PERSON, read
from portal import conf
from portal.door import event_words as words

ADMINISTRATOR, APPLICATION, SITE = "administrator", "application", "site"
CHART = "chart"
# What ends at the person who asked; everything else is told to this site.
_ANSWERED = frozenset({"login.succeeded", "login.failed", "page.refused", "logout"})
_FAILED = frozenset(
    {
        *("login.failed", "page.refused", "refresh.failed", "token.reused", "code.reused"),
        "logout.refused",
    }
)
_ASKED = {"logout": "asked-out", "page.refused": "asked-page"}
_MOST = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One arrow: between two parties, in words. `milliseconds` is -1 when nobody measured."""

    sender: str
    receiver: str
    said: str
    detail: str = ""
    milliseconds: int = -1
    failed: bool = False
    at: datetime | None = None

    @property
    def took(self) -> str:
        """How long it took, as people read it; nothing when nobody measured."""
        return "" if self.milliseconds < 0 else duration(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Story:
    """What happened under one code. `parties` are keys and names in the order of the drawing;
    `nodes` the nodes of the logout chart that were travelled; `person` whom all of it is about, if
    it is one.
    """

    code: str
    events: Sequence[Event]
    parties: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    nodes: Sequence[str]
    person: User | None
    sessions: Sequence[str]
    sources: Sequence[str]

    @property
    def failed(self) -> Line | None:
        """Return the first step that failed, or None."""
        return next((line for line in self.lines if line.failed), None)

    def name_of(self, party: str) -> str:
        """Return what a party is called."""
        return dict(self.parties).get(party, party)

    @property
    def summary(self) -> str:
        """Return the story in a sentence, for those who do not see the drawing."""
        said = "; ".join(
            f"{self.name_of(line.sender)} → {self.name_of(line.receiver)}: {line.said}"
            + (f" ({line.took})" if line.took else "")
            for line in self.lines
        )
        return said or _("Nothing is known.")


def duration(milliseconds: int) -> str:
    """Return a time as people read it: `85 ms`, `2.4 s` or `3 min`."""
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 100_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{round(milliseconds / 60_000)} min"


def of_code(code: str) -> Story | None:
    """Return the story of a support code, or None when nothing is kept under it."""
    rows = Event.objects.filter(support_code=code) if code else Event.objects.none()
    found = list(rows.select_related("user", "by").order_by("at", "id")[:_MOST])
    return told(code, found) if found else None


def told(code: str, events: Sequence[Event]) -> Story:
    """Return the story of `events`, in their order."""
    nodes: list[str] = []
    lines: list[Line] = []
    persons = {each.user_id: each.user for each in events if each.user}
    for event in events:
        lines.extend(_lines(event, nodes, str(event.user or "") if len(persons) > 1 else ""))
    sessions = list(dict.fromkeys(each.session_uid for each in events if each.session_uid))
    sources = list(dict.fromkeys(each.source for each in events if each.source))
    if not persons:
        owner = User.objects.filter(Q(sessions__uid__in=sessions)).first()
    else:
        owner = next(iter(persons.values())) if len(persons) == 1 else None
    parties = _parties(events, lines, owner)
    alive = StoredSession.objects.filter(uid__in=sessions).values_list("uid", flat=True)
    return Story(code, events, parties, lines, nodes, owner, list(alive), sources)


def _lines(event: Event, nodes: list[str], whose: str) -> Iterator[Line]:
    if event.name in _ASKED:
        place = event.detail if event.name == "page.refused" else ""
        yield Line(PERSON, HERE, words.of_step(_ASKED[event.name]), place, at=event.at)
    for step in read(event.steps):
        if step.what == CHART:
            nodes.append(step.detail)
        else:
            said = words.of_step(step.what)
            yield Line(
                step.sender, step.receiver, said, step.detail, step.milliseconds, step.failed
            )
    yield _outcome(event, whose)


def _outcome(event: Event, whose: str) -> Line:
    said = words.of_event(event.name)
    if event.reason:
        said = f"{said}: {words.of_reason(event.reason)}"
    if event.count > 1:
        times = ngettext("%d time", "%d times", event.count) % event.count
        said = f"{said} ({times})"
    if whose:
        said = f"{said}: {whose}"
    failed = event.name in _FAILED or event.name.endswith(".given_up")
    detail = "" if event.name == "page.refused" else event.detail
    sender = _party(event)
    receiver = HERE
    if event.name in _ANSWERED:
        sender, receiver = HERE, PERSON
    return Line(sender, receiver, said, detail, failed=failed, at=event.at)


def _party(event: Event) -> str:
    if event.actor == Event.Actor.SOURCE:
        return f"source:{event.source}"
    return HERE if event.actor in {"", SITE} else str(event.actor)


def _parties(
    events: Sequence[Event], lines: Sequence[Line], owner: User | None
) -> list[tuple[str, str]]:
    """Return who takes part, those who ask on the left and those who are asked on the right."""
    keys = {HERE, *(line.sender for line in lines), *(line.receiver for line in lines)}
    operator = next((each.by for each in events if each.actor == ADMINISTRATOR and each.by), None)
    names = {
        ADMINISTRATOR: str(operator) if operator else _("An administrator"),
        PERSON: str(owner) if owner else _("Somebody"),
        APPLICATION: _("An application"),
        HERE: conf.institution()["name"],
    }
    order = [ADMINISTRATOR, APPLICATION, PERSON, HERE]
    known = [(key, names[key]) for key in order if key in keys]
    return known + [(key, _label(key)) for key in sorted(keys - set(order))]


def _label(party: str) -> str:
    slug = party.removeprefix("source:")
    source = catalogue.find(slug)
    return source.label if source else slug

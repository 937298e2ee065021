"""The outbox: logouts, mails and notices, kept until they have reached their server or a day has
passed.

A row is posted in the transaction of its cause, so that it survives this process. A logout is
posted when its call has failed, and waits for another try. A mail or a notice is delivered in a
thread as soon as the transaction is over; the row is deleted once its server has taken it. Notices
are for applications: a room delivers them, by the AppConfig attribute `delivers_notices`.
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

import structlog
from django.db import DatabaseError, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts import conf, events, serialization
from accounts.errors import Misconfigured, NotTaken, ProtocolError
from accounts.keyring import Unreadable, is_lost, seal, unseal
from accounts.models import OutboxItem, StoredSession, User
from accounts.offers import offered
from accounts.provider import CallsLogout, SendsMail, TokenSet
from accounts.source import catalogue

PURPOSE = "outbox"
FIRST_RETRY = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)
CLAIM = timedelta(seconds=60)
# SQLite tells its clock in milliseconds: what was posted in this one is due as well.
_ROUNDED = timedelta(milliseconds=1)
THREADS = 2
# While so many deliveries are queued, others wait in the table: a process that ends works off all.
WAITING = 20
# A round works in at most LANES threads, TO_ONE of them for one receiver. A thread reads AT_ONCE
# items, stays with a receiver for TURN seconds, and the round lasts ROUND seconds.
LANES, TO_ONE, AT_ONCE, TURN, ROUND = 8, 2, 500, 10.0, 300.0

log = structlog.get_logger("vestibule.outbox")


class NobodyDelivers(Exception):
    """The source was deleted, is another provider's now, or its provider takes no such item: no
    later try can succeed.
    """


class _Outcome(Enum):
    """What came of an item. `OVER` is one that no later try could deliver, and one that its
    receiver alone has refused: the next may be taken.
    """

    TAKEN, OVER, FAILED = range(3)


_under_way: set[Future[None]] = set()


def post_logout(
    source: str,
    hint: TokenSet,
    support_code: str,
    issuer: str = "",
    *,
    sid: str = "",
    subject: str = "",
) -> None:
    """Keep a logout for another try in 30 s, in the caller's transaction. What `issuer` gave is
    sent to nobody else; empty if nobody knows who gave it.

    It ends no session that begins after it by the upstream's session `sid`, which a browser there
    keeps; without one, none of `subject`.
    """
    kind, whose = OutboxItem.Kind.LOGOUT, {"sid": sid} if sid else {"subject": subject}
    _post(kind, source, serialization.dump(hint), FIRST_RETRY, support_code, issuer, **whose)


def post_mail(source: str, message: Mapping[str, Any]) -> None:
    """Keep a mail, in the caller's transaction, and deliver it when that is over.

    `message` is what JSON holds; `SendsMail.send_mail` of the source's provider gets it back.
    """
    item = _post(OutboxItem.Kind.MAIL, source, dict(message), timedelta(0))
    transaction.on_commit(lambda: _deliver_soon(item))


def post_notice(client_id: str, notice: Mapping[str, Any]) -> None:
    """Keep a notice to an application, in the caller's transaction, and deliver it when that is
    over. The room that delivers notices gets it back.
    """
    item = _post(OutboxItem.Kind.NOTICE, client_id[:50], dict(notice), timedelta(0))
    transaction.on_commit(lambda: _deliver_soon(item))


def deliver_due(
    now: datetime | None = None,
    *,
    seconds: float = ROUND,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Try all that is due, several receivers at once, for some `seconds` or until `is_over`; calls
    under way then are waited for. Returns how many were delivered. Raises nothing for a failed
    call, and `DatabaseError`.

    A receiver that fails is left alone until the next round, and comes last in it.
    `now` is the moment at which it begins, if not the present one; each item is claimed at its own.
    What is due, and a claim's end, are by the database's clock: those of two machines may differ by
    more than a claim lasts.
    """
    ahead = now - timezone.now() if now else timedelta(0)
    begins = now or OutboxItem.objects.values_list(Now() + _ROUNDED, flat=True).first()
    if begins is None:  # there is nothing
        return 0
    due = OutboxItem.objects.filter(next_at__lte=begins).order_by("next_at")
    ends = time.monotonic() + seconds
    round_ = _Round(due, ahead, lambda: is_over() or time.monotonic() >= ends)
    # A place is left for other calls of this process.
    with ThreadPoolExecutor(max(1, min(LANES, conf.threads() // 2)), "outbox-round") as pool:
        while lanes := round_.lanes():
            if len(lanes) == 1:
                round_.delivered += round_.run(lanes[0])
            else:
                round_.delivered += sum(pool.map(round_.run_beside, lanes))
    return round_.delivered


def deliver_these(keys: Collection[int], seconds: float) -> None:
    """Try the items of these keys, due or not, one after another, for so many seconds at most."""
    ends = time.monotonic() + seconds
    for item in OutboxItem.objects.filter(pk__in=keys).order_by("next_at"):
        if time.monotonic() < ends:
            _claim_and_deliver(item, timezone.now())


_Receiver = tuple[str, str]
# When a receiver has failed, by `time.monotonic`: all others come before it.
_failed_at: dict[_Receiver, float] = {}


class _Round:
    """One round of `deliver_due`: which receivers have been reached, and which have failed."""

    def __init__(
        self, due: QuerySet[OutboxItem], ahead: timedelta, is_over: Callable[[], bool]
    ) -> None:
        self._due, self._ahead, self._is_over = due, ahead, is_over
        self._failed: set[_Receiver] = set()
        self._reached: set[_Receiver] = set()
        self.delivered = 0

    def lanes(self) -> list[tuple[_Receiver, int, int]]:
        """Return what is to be done next: each receiver of which something is due, with the number
        of a lane, and of how many. One that has not been reached yet has a single lane.
        """
        if self._is_over():
            return []
        receivers = self._due.order_by("kind", "source").values_list("kind", "source").distinct()
        waiting = [each for each in receivers if each not in self._failed]
        waiting.sort(key=lambda each: _failed_at.get(each, 0.0))
        lanes = {each: TO_ONE if each in self._reached else 1 for each in waiting}
        return [(each, lane, lanes[each]) for each in waiting for lane in range(lanes[each])]

    def run_beside(self, lane: tuple[_Receiver, int, int]) -> int:
        """Do as `run` does, in a thread that has a connection of its own for it."""
        try:
            return self.run(lane)
        finally:
            connections.close_all()

    def run(self, lane: tuple[_Receiver, int, int]) -> int:
        """Deliver to one receiver for some seconds, until it fails. Returns how many it took."""
        receiver, first, step = lane
        ends, taken = time.monotonic() + TURN, 0
        due = self._due.filter(kind=receiver[0], source=receiver[1])
        for item in due[:AT_ONCE][first::step]:
            if self._is_over() or time.monotonic() >= ends:
                break
            if not _claim(item, self._ahead):
                continue
            outcome = _deliver(item, timezone.now() + self._ahead)
            if outcome is _Outcome.TAKEN:
                taken += 1
                self._reached.add(receiver)
                _failed_at.pop(receiver, None)
            elif outcome is _Outcome.FAILED:
                self._failed.add(receiver)
                _failed_at[receiver] = time.monotonic()
                break
        return taken


def _post(
    kind: str,
    source: str,
    payload: Any,
    wait: timedelta,
    support_code: str = "",
    issuer: str = "",
    **whose: str,
) -> OutboxItem:
    now = timezone.now()
    return OutboxItem.objects.create(
        kind=kind,
        source=source,
        issuer=issuer,  # columns, since the release before takes no other payload than this
        **whose,
        sealed=seal(payload, PURPOSE),
        support_code=support_code,
        created_at=now,
        next_at=now + wait,
        give_up_at=now + GIVE_UP,
    )


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="outbox")


def _deliver_soon(item: OutboxItem) -> None:
    if len(_under_way) < WAITING:
        try:
            delivery = _threads().submit(_deliver_now, item)
        except RuntimeError:  # the machine starts no thread
            log.warning("outbox.no_thread")  # the next round of `deliver_due` finds it
            return
        _under_way.add(delivery)
        delivery.add_done_callback(_under_way.discard)


def _deliver_now(item: OutboxItem) -> None:
    try:
        _claim_and_deliver(item, timezone.now())
    except DatabaseError:
        log.warning("outbox.database_unavailable")  # the next round of `deliver_due` finds it
    finally:
        connections.close_all()


def _claim_and_deliver(item: OutboxItem, now: datetime) -> None:
    if _claim(item):
        _deliver(item, now)


def _claim(item: OutboxItem, ahead: timedelta = timedelta(0)) -> bool:
    """Take the item, so that no other worker delivers it at the same time."""
    mine = OutboxItem.objects.filter(pk=item.pk, next_at=item.next_at)
    return mine.update(next_at=Now() + ahead + CLAIM) == 1


def _deliver(item: OutboxItem, now: datetime) -> _Outcome:
    if _is_in_use_again(item):
        _close(item, "logout.superseded")
        return _Outcome.OVER
    try:
        _hand_over(item)
    except Exception as error:  # a provider's defect must not stop the other deliveries
        if not isinstance(error, (NobodyDelivers, Unreadable, ProtocolError)):
            log.exception("outbox.failed", source=item.source, support_code=item.support_code)
        given_up = now >= item.give_up_at or _is_hopeless(item, error)
        _later(item, now, given_up=given_up, why=str(error))
        is_over = given_up or isinstance(error, NotTaken)
        return _Outcome.OVER if is_over else _Outcome.FAILED
    _close(item, "logout.delivered" if item.kind == OutboxItem.Kind.LOGOUT else "")
    return _Outcome.TAKEN


def _is_in_use_again(item: OutboxItem) -> bool:
    """Tell whether a session began here, after a logout was posted, that this would end upstream:
    who signs in once more in the same browser may get the same session there.
    """
    whose = {"sid": item.sid} if item.sid else {"subject": item.subject}
    if item.kind != OutboxItem.Kind.LOGOUT or not any(whose.values()):
        return False
    return StoredSession.objects.filter(
        source=item.source,
        issuer=item.issuer,
        kind=StoredSession.Kind.BROWSER,
        created_at__gt=item.created_at,
        expire_date__gt=timezone.now(),
        **whose,
    ).exists()


def _is_hopeless(item: OutboxItem, error: Exception) -> bool:
    """Tell whether no later try can succeed. A key that is missing here may come: while keys are
    turned, one process has the new one before another.
    """
    if isinstance(error, Unreadable):
        return not is_lost(item.sealed)
    return isinstance(error, NobodyDelivers)


def _hand_over(item: OutboxItem) -> None:
    """Give the item to its source's provider, or a notice to the room that delivers them.

    Raises what these raise, `Unreadable`, `NobodyDelivers`, or `Misconfigured` for a source whose
    secret may come again.
    """
    if item.kind == OutboxItem.Kind.NOTICE:
        for deliver in offered("delivers_notices"):
            deliver(unseal(item.sealed, PURPOSE))
        return
    source = catalogue.of_session(item.source)
    if source is None and catalogue.row_of(item.source) is None:
        raise NobodyDelivers("The source is gone.")
    if source is None:
        raise Misconfigured("The source cannot be read.")
    if not source.still_speaks_for(item.issuer):
        raise NobodyDelivers("It is another provider now.")
    payload, provider = unseal(item.sealed, PURPOSE), source.provider
    if item.kind == OutboxItem.Kind.LOGOUT and isinstance(provider, CallsLogout):
        provider.call_logout(serialization.load(TokenSet, payload))
    elif item.kind == OutboxItem.Kind.MAIL and isinstance(provider, SendsMail):
        provider.send_mail(payload)
    else:
        raise NobodyDelivers("It takes none.")


def _later(item: OutboxItem, now: datetime, *, given_up: bool, why: str) -> None:
    if given_up:
        _close(item, f"{item.kind}.given_up", why)
        return
    said = {"kind": item.kind, "source": item.source, "support_code": item.support_code}
    log.warning("outbox.not_delivered", **said, attempts=item.attempts, why=why)
    wait = min(FIRST_RETRY * 2 ** min(item.attempts, 12), LONGEST_WAIT)
    OutboxItem.objects.filter(pk=item.pk).update(attempts=item.attempts + 1, next_at=now + wait)


def _close(item: OutboxItem, name: str, why: str = "") -> None:
    """Delete the item together with its event: no item is gone without a word."""
    with transaction.atomic():
        if name:
            _record(item, name, why)
        item.delete()


def _record(item: OutboxItem, name: str, why: str = "") -> None:
    told = events.event(name, support_code=item.support_code, source=item.source, detail=why)
    told.user = _recipient(item)
    events.record(told)


def _recipient(item: OutboxItem) -> User | None:
    """Return whom a mail was for, None when nobody can tell."""
    if item.kind != OutboxItem.Kind.MAIL:
        return None
    try:
        message = unseal(item.sealed, PURPOSE)
    except Unreadable:
        return None
    uid = message.get("uid") if isinstance(message, dict) else None
    return User.objects.filter(uid=uid).first() if uid else None

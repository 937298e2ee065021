"""What a web server's question costs, beside what others do in the place of it; and whether it
grows with the number of sessions.

`hit` is a person whom the worker knows and the very request of before, `other page` a request that
was not made before, `miss` a person whom it does not know yet. Peers that are not installed
(tests/benchmarks/install) are left out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from http.client import HTTPConnection
from itertools import count, cycle, repeat
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks import apache, oauth2_proxy
from tests.benchmarks.client import Browser, asked
from tests.benchmarks.measuring import Operation, in_turns, report_all
from tests.benchmarks.servers import (
    Served,
    bare_rsgi,
    bare_server,
    headless,
    openid_client,
    provider,
    stock_django,
)
from tests.peers.site import Site

HOST = "files.example.org"
PEERS = Path(__file__).parent / ".peers"
AT_ONCE, ROUNDS = 300, 5
FLAT = (100, 10_000, 1_000_000)
# Its memory has 10,000 places, and forgets people once they are taken.
APACHES_MOST = 8_000
BARE = "bare granian: a constant"
_FURNISH = """
import json
from django.db import transaction
from accounts.models import StoredSession
from portal.authorization_server.models import Client
from portal.gateway.models import AccessRule
from portal.tokens import minting
AccessRule.objects.get_or_create(slug="files", host=HOST)
client, _made = Client.objects.get_or_create(client_id="bench", defaults={"kind": "native"})
row = StoredSession.objects.select_related("user").latest("created_at")
with transaction.atomic():
    request = minting.request_for(client, row, ["openid", "gateway"])
    print(json.dumps(minting.mint(request, refresh=False).access_token))
"""
_SESSIONS = """
from dataclasses import replace
from accounts import serialization
from accounts.keyring import digest, seal, unseal
from accounts.models import StoredSession
from accounts.session.store import PURPOSE, TYPED
from accounts.session.typed import Session
row = StoredSession.objects.order_by("created_at").first()
values = unseal(row.session_data, PURPOSE, row.session_key)
typed = serialization.load(Session, values[TYPED])
def one(number):
    key, uid = digest(f"{number:043d}"), f"bench{number:012d}"
    held = {**values, TYPED: serialization.dump(replace(typed, uid=uid))}
    return StoredSession(
        session_key=key, uid=uid, session_data=seal(held, PURPOSE, key), user_id=row.user_id,
        kind=row.kind, type=row.type, source=row.source, issuer=row.issuer, subject=row.subject,
        expire_date=row.ends_at, ends_at=row.ends_at, created_at=row.created_at,
        last_seen_at=row.last_seen_at)
for begun in range(FIRST, LAST, 10_000):
    some = range(begun, min(begun + 10_000, LAST))
    StoredSession.objects.bulk_create([one(n) for n in some], batch_size=500)
"""


def measure(
    stack: ExitStack, site: Site, slow: Site, person: Browser, slow_person: Browser
) -> None:
    """Measure one of each, and print. `slow` is the site without the fast path; somebody is signed
    in at each.
    """
    token, slow_token = _furnish(site), _furnish(slow)
    ours, by_django = _served(site), _served(slow)
    bare, bare_loop = stack.enter_context(bare_server()), stack.enter_context(bare_rsgi())
    cookie, bearer = {"Cookie": _line(person)}, {"Authorization": f"Bearer {token}"}
    slow_cookie = {"Cookie": _line(slow_person)}
    slow_bearer = {"Authorization": f"Bearer {slow_token}"}
    peers = _peers(stack)
    _more_sessions(site, 0, 10_000)  # last, so that no mark of their use is due meanwhile
    cases: dict[str, tuple[Served, Operation]] = {
        BARE: (bare, _asking(bare, repeat({}), path="/")),
        "bare granian, RSGI: a constant": (bare_loop, _asking(bare_loop, repeat({}), path="/")),
        "ours: cookie, hit": (ours, _asking(ours, repeat(cookie))),
        "ours: cookie, other page": (ours, _asking(ours, repeat(cookie), _pages())),
        "ours: cookie, miss": (ours, _asking(ours, _strangers(10_000))),
        "ours: bearer": (ours, _asking(ours, repeat(bearer))),
        "ours, by Django: cookie": (by_django, _asking(by_django, repeat(slow_cookie))),
        "ours, by Django: bearer": (by_django, _asking(by_django, repeat(slow_bearer))),
        "ours: /auth/session, hit": (ours, _asking(ours, repeat(cookie), path="/auth/session")),
    }
    cases |= peers
    print("CPU of one question of a web server, and of what others do in its place")
    report_all(in_turns(cases, AT_ONCE, ROUNDS), BARE)


def flat(stack: ExitStack, site: Site) -> None:
    """Measure hits and misses with more and more sessions."""
    _furnish(site)
    ours, first = _served(site), 0
    bare = stack.enter_context(bare_server())
    for last in FLAT:
        _more_sessions(site, first, last)
        first = last
        known = {"Cookie": f"vestibule={7:043d}"}
        cases: dict[str, tuple[Served, Operation]] = {
            BARE: (bare, _asking(bare, repeat({}), path="/")),
            "hit": (ours, _asking(ours, repeat(known))),
            "other page": (ours, _asking(ours, repeat(known), _pages())),
            "miss": (ours, _asking(ours, _strangers(last))),
        }
        print(f"CPU of one question of a web server, with {last:,} sessions")
        # Of a hundred sessions each is a miss once.
        at_once = 15 if last == FLAT[0] else AT_ONCE
        report_all(in_turns(cases, at_once, ROUNDS), BARE)


def _peers(stack: ExitStack) -> dict[str, tuple[Served, Operation]]:
    stock = stack.enter_context(stock_django("bench", "bench"))
    theirs = Browser(stock.url)
    theirs.get("/enter")
    issuer = stack.enter_context(provider())
    found: dict[str, tuple[Served, Operation]] = {
        "Django as it comes: who am I": (stock, lambda: theirs.get("/whoami")),
    }
    node = stack.enter_context(openid_client(issuer))
    sealed = _entered(node, issuer, "/login")
    found["Node, iron-session: who am I"] = (node, lambda: sealed.get("/"))
    if apache.is_installed():
        for many in (1, APACHES_MOST):
            httpd = stack.enter_context(apache.mod_auth_openidc(issuer))
            for _ in range(many):
                held = _entered(httpd, issuer, "/check.json")
            asking = partial(held.get, "/check.json")
            found[f"Apache, mod_auth_openidc, {many:,} sessions: a file"] = (httpd, asking)
    if oauth2_proxy.is_installed():
        proxy = stack.enter_context(oauth2_proxy.oauth2_proxy(issuer))
        known = _entered(proxy, issuer, "/oauth2/start")
        found["oauth2-proxy: /oauth2/auth"] = (proxy, lambda: known.get("/oauth2/auth"))
    if (PEERS / "python" / "allauth").exists():
        allauth = stack.enter_context(headless())
        signed_in = Browser(allauth.url)
        signed_in.get("/enter")
        path = "/_allauth/browser/v1/auth/session"
        found["django-allauth: its session endpoint"] = (allauth, lambda: signed_in.get(path))
    return found


def _entered(served: Served, issuer: str, start: str) -> Browser:
    """Return a browser that has signed in at a relying party."""
    here, there = Browser(served.url), Browser(issuer)
    here.follow(there.follow(here.follow(start)))
    return here


def _served(site: Site) -> Served:
    if site.process is None:
        raise RuntimeError("the site has ended")
    return Served(site.url, site.process.pid)


def _furnish(site: Site) -> str:
    """Make the rule, and return an access token of the person who signed in last."""
    said = site.manage("shell", "--verbosity=0", stdin=f"HOST = {HOST!r}\n{_FURNISH}")
    token: str = json.loads(said.strip().splitlines()[-1])
    return token


def _more_sessions(site: Site, first: int, last: int) -> None:
    code = f"FIRST, LAST = {first}, {last}\n{_SESSIONS}"
    site.manage("shell", "--verbosity=0", stdin=code)


def _strangers(many: int) -> Iterable[Mapping[str, str]]:
    """Yield the cookies of people in a random order, each once before any comes again."""
    numbers = random.Random(1).sample(range(many), min(many, 20_000))
    return ({"Cookie": f"vestibule={number:043d}"} for number in cycle(numbers))


def _pages() -> Iterable[str]:
    return (f"/files/{number}" for number in count())


def _line(browser: Browser) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def _asking(
    served: Served,
    callers: Iterable[Mapping[str, str]],
    pages: Iterable[str] = repeat("/files"),
    path: str = "/gateway/check",
) -> Callable[[], None]:
    connection = HTTPConnection(urlsplit(served.url).netloc)
    questions = zip(callers, pages, strict=False)
    about = {
        "Accept": "text/html",
        "User-Agent": "Mozilla/5.0",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": HOST,
    }

    def operation() -> None:
        headers, page = next(questions)
        sent = {**about, **headers, "X-Forwarded-Uri": page}
        answer = asked(connection, "GET", path, None, sent)
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}")

    return operation

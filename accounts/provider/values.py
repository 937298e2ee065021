"""The values that cross between the house and a provider (docs/architecture.md 3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ANONYMOUS = "anonymous"
UNKNOWN = "unknown"
RESERVED_TYPES = frozenset({ANONYMOUS, UNKNOWN})
LONGEST_PASSWORD = 4096

Clock = Callable[[], datetime]
Cookies = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceRef:
    """What a provider may know of the source that it serves. `groups` are those of its own groups
    that the source's mapping names, as an operator has written them.
    """

    slug: str
    label: str
    redirect_uri: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What the pages need to know of a provider. Computed without any call.

    `cookies` are the names, or shell patterns, of the only cookies that reach the provider.
    `unsolicited`: answers may arrive without a flow. `form_post`: answers may arrive by POST.
    `home` is the front page of an upstream that shares its session with us. `ends_with_token`: the
    upstream's end is always the session's end. `issuer` is the one that its outcomes name.
    `bearer`: how access tokens of the upstream are verified here: `introspection` asks the upstream
    and takes opaque tokens too, any other word needs a token that can be read; empty: not at all.
    `fleeting`: the prefix of subjects that occur once only; who is known by no other is deleted
    when the session is over. `recheck_seconds`: how often a provider that `Rechecks` is
    asked about those who have a session; 0 is never. `backchannel`: logout tokens of the upstream
    are taken here. `frontchannel`: so is a logout that the upstream tells of in a frame.
    `strengths`: which words of the upstream's mean `low`, `substantial`, `high` or `none`; `*` is
    all other words, and none at all (docs/strength.md 2).
    """

    label: str
    icon: str = "key"
    help: str = ""
    cookies: tuple[str, ...] = ()
    unsolicited: bool = False
    form_post: bool = False
    home: str = ""
    ends_with_token: bool = False
    issuer: str = ""
    fleeting: str = ""
    recheck_seconds: int = 0
    bearer: str = ""
    backchannel: bool = False
    frontchannel: bool = False
    strengths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Visit:
    """The client of a request: its address, its User-Agent, and, as a digest, who has signed in in
    this browser before, where that was asked. `shared`: its computer is one that many people use.
    """

    address: str = ""
    user_agent: str = ""
    known_as: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class LoginFlow:
    """One authorization request in flight (RFC 6749, 4.1.1; RFC 7636, 4.1; OIDC Core, 3.1.2.1).

    `link_uid` names the session that asked for another way in to be linked; empty for a sign-in.
    `again` asks for a fresh proof of who the person is (OIDC Core's `prompt=login`). `other` asks
    the upstream to let somebody else sign in than it remembers. `wishes` is what an application
    asks of the sign-in: `login_hint`, `acr_values`, `max_age`, `ui_locales`. `shared`: the person
    has said that many use this computer. Where the upstream shares a cookie with us, a fresh proof
    is one of `subject`, by another cookie than the one of the digest `bound_to`.
    """

    source: str
    state: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    next: str
    started_at: datetime
    link_uid: str = ""
    again: bool = False
    other: bool = False
    wishes: Mapping[str, str] = field(default_factory=dict, repr=False)
    shared: bool = False
    subject: str = ""
    bound_to: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to `url`."""

    url: str


@dataclass(frozen=True, slots=True)
class PromptField:
    """One field of a form: `name` is posted back, `autocomplete` is HTML's token for it."""

    name: str
    label: str
    type: str = "text"
    autocomplete: str = ""
    max_length: int = 1024


@dataclass(frozen=True, slots=True)
class Prompt:
    """The form of a provider that has one. `identifier` names the field that says who.

    `recovery` tells whether this source can help people who forgot their password here.
    """

    fields: tuple[PromptField, ...]
    identifier: str
    recovery: bool = False


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The upstream's tokens (RFC 6749, 5.1; OIDC Core, 3.1.3.3). Never in a repr.

    `lifetime`: how many seconds the access token had left when it came; the vault sets it.
    """

    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    token_type: str = "Bearer"  # noqa: S105  # RFC 6750's name of a type, no secret
    scope: str = ""
    expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    lifetime: int = 0


@dataclass(frozen=True, slots=True)
class Authentication:
    """A verified outcome: who the upstream says this is (OIDC Core, 2).

    `claims` are what was learnt, for mapping; `public` is the part of it that the session may show.
    `groups` is None when the source says nothing of groups. `expires_at` is the upstream's own end.
    `bound_to` is the digest of the cookie (`name=value`) that the session hangs on (the CMS), else
    empty. `epoch` is the person's own at the moment when their password was judged here; None of
    an upstream.
    `auth_time` is when the person proved upstream who they are, as far as the upstream tells (OIDC
    Core, 2), `issued_at` when the upstream put that in writing (`iat`). `notice` is a sentence for
    the person, shown once after the sign-in. `name_key` is what stands for the name that was typed
    into a form of ours (`lockout.name_key`), empty of an upstream; no provider sets it.
    """

    subject: str
    issuer: str = ""
    name: str = ""
    username: str = ""
    email: str = ""
    email_verified: bool = False
    groups: tuple[str, ...] | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    public: Mapping[str, Any] = field(default_factory=dict)
    tokens: TokenSet | None = None
    sid: str = ""
    acr: str = ""
    amr: tuple[str, ...] = ()
    expires_at: datetime | None = None
    bound_to: str = field(default="", repr=False)
    epoch: int | None = None
    auth_time: datetime | None = None
    issued_at: datetime | None = None
    notice: str = ""
    name_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LogoutPlan:
    """How a session ends upstream. Decided before it is destroyed; an empty plan is a valid one.

    `call`: the tokens, cut down to the hint that the call needs, for `call_logout` before the end.
    `visit`: a URL for the browser after the end. `api_call`: what a logout without a browser calls.
    `unanswered`: the upstream does not answer and may still know the person; the tokens, cut down
    to what a later plan needs. `answered`: how many cookies it had answered for until then.
    """

    call: TokenSet | None = None
    visit: str = ""
    api_call: TokenSet | None = None
    unanswered: TokenSet | None = None
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a self-test. `fix` says in one sentence what to do; it is empty when `ok`."""

    ok: bool
    message: str
    fix: str = ""


def verdict(ok: object, good: str, bad: str, fix: str) -> Finding:
    """Return the finding that says `good` when all is well, else `bad` with its `fix`."""
    return Finding(True, good) if ok else Finding(False, bad, fix)


@dataclass(frozen=True, slots=True)
class Keep:
    """`revalidate`: the session stands."""


@dataclass(frozen=True, slots=True)
class End:
    """`revalidate`: the session is over, because of `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """`verify_logout_token`: what the upstream ended, and when it said so (OIDC Back-Channel Logout
    1.0, 2.4).
    """

    issuer: str
    jti: str
    sid: str = ""
    subject: str = ""
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionRef:
    """What a provider may know of a session that it is asked about; its tokens are `due_at`.

    `troubled`: the source's upstream seems to have failed somebody in the last minutes.
    """

    uid: str
    type: str
    source: str
    subject: str
    issuer: str = ""
    sid: str = ""
    expires_at: datetime | None = None
    bound_to: str = field(default="", repr=False)
    due_at: datetime | None = None
    troubled: bool = False

"""A whole provider of a made-up protocol, with every optional member. Its upstream is
tests/peers/upstream.py, a real server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from accounts import errors
from accounts.errors import AccessDenied, InvalidGrant, InvalidRequest, TemporarilyUnavailable
from accounts.login.flow import code_challenge
from accounts.provider import (
    Authentication,
    Clock,
    Description,
    End,
    Ended,
    Finding,
    Keep,
    LoginFlow,
    LogoutPlan,
    Redirect,
    SessionRef,
    SourceRef,
    TokenSet,
)
from accounts.provider.marks import TRUSTED


class TenantProvider:
    session_type = "tenant"
    leaves_by_call = True

    @dataclass(frozen=True, slots=True)
    class Settings:
        upstream: str
        secret: str = field(default="", metadata={"secret": True}, repr=False)
        leaves_by: str = "nothing"
        unsolicited: bool = False
        form_post: bool = False
        origins: tuple[str, ...] = ()
        home: str = ""
        recheck_seconds: int = 0
        begins: str = field(default="/authorize", metadata=TRUSTED)
        ends: str = field(default="/logout", metadata=TRUSTED)

        def __post_init__(self) -> None:
            if self.leaves_by not in {"nothing", "call", "visit", "raise"}:
                raise ValueError("leaves_by must be nothing, call, visit or raise")

    def __init__(self, source: SourceRef, settings: Settings, http: Any, clock: Clock) -> None:
        self.source, self.settings, self.http, self.clock = source, settings, http, clock

    def describe(self) -> Description:
        return Description(
            label="Tenant",
            cookies=("TENANT*",),
            unsolicited=self.settings.unsolicited,
            form_post=self.settings.form_post,
            home=self.settings.home,
            issuer=self.settings.upstream,
            recheck_seconds=self.settings.recheck_seconds,
        )

    def begin_login(self, flow: LoginFlow) -> Redirect:
        query = {
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": code_challenge(flow),
            "code_challenge_method": "S256",
            "redirect_uri": flow.redirect_uri,
            "prompt": "login" if flow.again else "",
        }
        return Redirect(f"{self.settings.upstream}{self.settings.begins}?{urlencode(query)}")

    def complete_login(
        self, flow: LoginFlow | None, response: Mapping[str, str], cookies: Mapping[str, str]
    ) -> Authentication:
        if response.get("error"):
            raise AccessDenied("The person said no.", reason=errors.CANCELLED)
        if flow is None:
            return self._by_cookie(cookies)
        form = {"code": response.get("code", ""), "code_verifier": flow.code_verifier}
        form["prompt"] = "login" if flow.again else ""
        return self._authentication(self._ask("/token", form))

    def plan_logout(
        self,
        session: SessionRef,
        tokens: TokenSet | None,
        cookies: Mapping[str, str],
        return_to: str,
    ) -> LogoutPlan:
        hint = TokenSet(id_token=tokens.id_token) if tokens else None
        match self.settings.leaves_by:
            case "call":
                return LogoutPlan(call=hint, api_call=hint)
            case "visit" if session.troubled and hint:
                if not self.check()[0].ok:
                    return LogoutPlan(unanswered=hint)
                query = urlencode({"id_token_hint": hint.id_token})
                return LogoutPlan(visit=f"{self.settings.upstream}{self.settings.ends}?{query}")
            case "visit":
                query = urlencode({"return_to": return_to})
                return LogoutPlan(visit=f"{self.settings.upstream}{self.settings.ends}?{query}")
            case "raise":
                raise RuntimeError("a defect in a provider")
        return LogoutPlan()

    def explain(self, description: str) -> tuple[str, str]:
        return "", ""

    def check(self) -> list[Finding]:
        try:
            self._ask("/alive", {})
        except TemporarilyUnavailable:
            return [Finding(False, "The upstream does not answer.", "Start it.")]
        return [Finding(True, "The upstream answers.")]

    def refresh(self, tokens: TokenSet) -> TokenSet:
        fresh = self._tokens(self._ask("/refresh", {"refresh_token": tokens.refresh_token}))
        return TokenSet(
            access_token=fresh.access_token,
            refresh_token=fresh.refresh_token or tokens.refresh_token,
            id_token=tokens.id_token,
            expires_at=fresh.expires_at,
        )

    def call_logout(self, tokens: TokenSet) -> None:
        self._ask("/end", {"id_token_hint": tokens.id_token})

    def recognise(self, cookies: Mapping[str, str]) -> Authentication | None:
        try:
            return self._by_cookie(cookies)
        except InvalidGrant:
            return None

    def revalidate(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Mapping[str, str]
    ) -> Keep | Authentication | End:
        if not cookies:
            return End("the cookie is gone")
        known = self._by_cookie(cookies)
        return Keep() if known.bound_to == session.bound_to else known

    def uncouple(self, session: SessionRef) -> None:
        """Do nothing: its cookie signs people in again."""

    def recheck(self, subjects: Collection[str]) -> Mapping[str, str]:
        known = self._ask("/people", {"subjects": " ".join(subjects)})
        return {each: why for each, why in known["gone"].items() if each in subjects}

    def verify_bearer(self, token: str) -> Authentication:
        return self._authentication(self._ask("/introspect", {"token": token}))

    def verify_logout_token(self, raw: str) -> Ended:
        issuer, _, rest = raw.partition("|")
        sid, _, jti = rest.partition("|")
        if issuer != self.settings.upstream:
            raise InvalidRequest("Another issuer.")
        return Ended(issuer=issuer, jti=jti, sid=sid)

    def discovery(self) -> Mapping[str, Any]:
        return {"issuer": self.settings.upstream}

    def _by_cookie(self, cookies: Mapping[str, str]) -> Authentication:
        value = next(iter(cookies.values()), "")
        if not value:
            raise InvalidGrant("No cookie.")
        answer = self._ask("/cookie", {"cookie": value})
        digest = hashlib.sha256(value.encode()).hexdigest()
        known = self._authentication(answer)
        return Authentication(known.subject, known.issuer, known.name, bound_to=digest)

    def _ask(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        answer = self.http.post(self.settings.upstream + path, form=form)
        if answer.status >= 500:
            raise TemporarilyUnavailable("The upstream is in trouble.")
        if answer.status != 200:
            raise InvalidGrant("The upstream refuses.")
        body = answer.json()
        return body if isinstance(body, dict) else {}

    def _authentication(self, answer: dict[str, Any]) -> Authentication:
        if answer.get("denied"):
            tokens = self._tokens(answer)
            raise AccessDenied("Not for this person.", reason=answer["denied"], tokens=tokens)
        if not answer.get("sub"):
            raise InvalidGrant("Nobody is named.")
        seconds = answer.get("session_seconds")
        return Authentication(
            subject=answer["sub"],
            issuer=self.settings.upstream,
            name=answer.get("name", ""),
            email=answer.get("email", ""),
            email_verified=answer.get("email_verified") is True,
            sid=answer.get("sid", ""),
            groups=tuple(answer["groups"]) if "groups" in answer else None,
            acr=answer.get("acr", ""),
            public={"tenantInfo": {"sub": answer["sub"]}},
            tokens=self._tokens(answer) if "access_token" in answer else None,
            expires_at=self.clock() + timedelta(seconds=seconds) if seconds else None,
            auth_time=self.clock() - timedelta(seconds=answer.get("since", 0)),
            notice=answer.get("notice", ""),
        )

    def _tokens(self, answer: dict[str, Any]) -> TokenSet:
        expires: datetime | None = None
        if "expires_in" in answer:
            expires = self.clock() + timedelta(seconds=answer["expires_in"])
        return TokenSet(
            access_token=answer.get("access_token", ""),
            refresh_token=answer.get("refresh_token", ""),
            id_token=answer.get("id_token", ""),
            expires_at=expires,
        )

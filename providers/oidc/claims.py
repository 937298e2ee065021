"""From claims to a person, and the source's rules about who may come in.

Only what the settings name is taken over (allow-lists throughout). The id_token is signed, so what
the protocol itself says (who, for whom, when, how) never comes of the userinfo.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from accounts.errors import AccessDenied
from accounts.provider import Authentication, TokenSet
from accounts.strength import levels
from accounts.upstream.mail import is_address
from providers.oidc import checks
from providers.oidc.settings import OidcSettings

_PROTOCOL = frozenset(
    {
        *(
            "acr",
            "acrs",
            "amr",
            "at_hash",
            "aud",
            "auth_time",
            "azp",
            "c_hash",
            "cnf",
            "exp",
            "iat",
            "iss",
        ),
        *("jti", "nbf", "nonce", "s_hash", "sid", "sub"),
    }
)
# Claims that would have to be fetched elsewhere, or are signed by others (OIDC Core, 5.6.2).
_OF_OTHERS = {"_claim_names", "_claim_sources"}
# No username: one of theirs could be the name of somebody else here, or of our administrator.
_DEFAULTS = {"name": "name", "email": "email"}
_LONGEST = 300
_LONGEST_PUBLIC, _DEEPEST_PUBLIC = 4096, 32

Claims = Mapping[str, Any]


def merge(settings: OidcSettings, id_token: Claims, userinfo: Claims) -> dict[str, Any]:
    """Return the claims of both. Those of the person are fresher in the userinfo.

    An address and whether it is verified are said by the same side, or not at all.
    """
    fresher = {name: value for name, value in userinfo.items() if name not in _PROTOCOL}
    merged = {**id_token, **fresher}
    pairs = [("email", "email_verified")]
    if named := settings.claims.get("email_verified"):
        pairs.append((settings.claims.get("email", "email"), named))
    for address, verified in pairs:
        said = at(fresher if at(fresher, address) is not None else id_token, verified)
        if said != at(merged, verified):
            merged = _put(merged, verified, said)
    return {name: value for name, value in merged.items() if name not in _OF_OTHERS}


def authentication(
    settings: OidcSettings, claims: Claims, tokens: TokenSet | None
) -> Authentication:
    """Return who `claims` speak of. Raises `AccessDenied` when the source does not let them in."""
    email = _email(settings, claims)
    outcome = Authentication(
        subject=checks.subject(claims),
        issuer=settings.issuer,
        name=_name(settings, claims),
        username=_whole(_mapped(settings, claims, "username")),
        email=email,
        email_verified=bool(email) and _is_verified(settings, claims),
        groups=_groups(settings, claims),
        claims=claims,
        public=_public(settings, claims),
        tokens=tokens,
        sid=session_id(claims),
        acr=_acr(settings, claims),
        amr=_texts(claims.get("amr")),
        expires_at=_end(tokens),
        auth_time=checks.auth_time(claims),
        issued_at=checks.issue_time(claims),
    )
    if refusal := _refusal(settings, outcome):
        denied = AccessDenied(refusal, tokens=tokens)
        denied.subject, denied.sid = outcome.subject, outcome.sid
        raise denied
    return outcome


def settled(settings: OidcSettings, outcome: Authentication, *told: Claims) -> Authentication:
    """Return the outcome of a sign-in that ends in all that is `told`. Groups or roles that are
    named nowhere are none: Keycloak, Cognito and Entra leave out a claim that would be empty, and
    who has lost their last role would keep it here.

    Of a claim that is too long for a token, and named for another place, nothing is known (OIDC
    Core, 5.6.2). Neither is it by an access token alone, in which such claims may be missing.
    """
    paths = [settings.claims[name] for name in ("groups", "roles") if settings.claims.get(name)]
    if outcome.groups is not None or not paths or any(map(_names_elsewhere, told)):
        return outcome
    return replace(outcome, groups=())


def _names_elsewhere(claims: Claims) -> bool:
    """Tell whether claims are for others to tell; Entra says so by `hasgroups` too."""
    return bool(claims.get("_claim_names")) or claims.get("hasgroups") in (True, "true")


def session_id(claims: Claims) -> str:
    """Return `sid` (OIDC Back-Channel Logout, 2.1) where it is a text that can be looked up."""
    found = claims.get("sid")
    return found if checks.is_name(found) else ""


def at(claims: Claims, path: str) -> Any:
    """Return what stands at `path`: a claim of that very name, else step by step. A name on the way
    may have dots of its own, as a client's has below Keycloak's `resource_access`.
    """
    if path in claims:
        return claims[path]
    for name, rest in _steps(claims, path):
        if (found := at(claims[name], rest)) is not None:
            return found
    return None


def _put(claims: Claims, path: str, value: Any) -> dict[str, Any]:
    """Return the claims with another value at `path`, and all that stands beside it."""
    first, _, rest = path.partition(".")
    if path in claims or not rest:
        return {**claims, path: value}
    ways = _steps(claims, path)
    known = (way for way in ways if at(claims[way[0]], way[1]) is not None)
    name, left = next(known, (first, rest))
    inner = claims.get(name)
    return {**claims, name: _put(inner if isinstance(inner, Mapping) else {}, left, value)}


def _steps(claims: Claims, path: str) -> Iterator[tuple[str, str]]:
    """Yield each claim that `path` may lead into, with the rest of the path."""
    for place, sign in enumerate(path):
        if sign == "." and isinstance(claims.get(path[:place]), Mapping):
            yield path[:place], path[place + 1 :]


def _refusal(settings: OidcSettings, outcome: Authentication) -> str:
    if settings.required_role:
        held = _texts(at(outcome.claims, settings.required_role_claim))
        if settings.required_role not in held:
            return "The person does not have the required role."
    if settings.required_acr and not set(settings.required_acr) & set(
        _words(settings, outcome.claims)
    ):
        return "The person did not sign in by one of the required means."
    if settings.verified_mail_only and not outcome.email_verified:
        return "The person has no verified mail address."
    if settings.allowed_groups and not set(settings.allowed_groups) & set(outcome.groups or ()):
        return "The person is in none of the allowed groups."
    return ""


def _acr(settings: OidcSettings, claims: Claims) -> str:
    """Return what the provider calls the way in which the person signed in: of several words, as
    Entra's `acrs` has them, the strongest by the settings and the house's own table, and of those
    that are as strong one that the settings require.
    """
    own = levels.read(settings.strengths)

    def weight(word: str) -> tuple[int, bool]:
        known = levels.judged(word, (), own, levels.BUILT_IN)
        return known or 0, word in settings.required_acr

    return max(_words(settings, claims), key=weight, default="")


def _words(settings: OidcSettings, claims: Claims) -> tuple[str, ...]:
    """Return all that the provider says of how the person signed in."""
    return _texts(at(claims, settings.strength_claim))


def _mapped(settings: OidcSettings, claims: Claims, name: str) -> Any:
    path = settings.claims.get(name, _DEFAULTS.get(name, ""))
    return at(claims, path) if path else None


def _name(settings: OidcSettings, claims: Claims) -> str:
    given = (_text(claims.get(part)) for part in ("given_name", "family_name"))
    return _text(_mapped(settings, claims, "name")) or " ".join(filter(None, given))


def _email(settings: OidcSettings, claims: Claims) -> str:
    found = _whole(_mapped(settings, claims, "email"))
    return found if is_address(found) else ""


def _is_verified(settings: OidcSettings, claims: Claims) -> bool:
    """Tell whether the address is verified. What `email_verified` says is true of `email` only."""
    default = "email_verified" if settings.claims.get("email", "email") == "email" else ""
    path = settings.claims.get("email_verified", default)
    found = at(claims, path) if path else False
    return found is True or found == "true"  # AWS Cognito writes it as a text


def _groups(settings: OidcSettings, claims: Claims) -> tuple[str, ...] | None:
    """Return groups and roles together; None when nothing is said of them."""
    paths = [settings.claims[name] for name in ("groups", "roles") if settings.claims.get(name)]
    found = [at(claims, path) for path in paths]
    if all(each is None for each in found):
        return None  # a claim that is missing changes nothing
    return tuple(sorted({each for claimed in found for each in _texts(claimed)}))


def _public(settings: OidcSettings, claims: Claims) -> dict[str, Any]:
    return {
        name: value
        for name in settings.public
        if (value := at(claims, name)) is not None and _can_be_shown(value)
    }


def _can_be_shown(value: Any) -> bool:
    """Tell whether JSON can be written of a value, wherever it is shown: no half of a surrogate
    pair (RFC 8259, 8.2), no number without an end, not too long, and not too deep.
    """
    if not _is_shallow(value, _DEEPEST_PUBLIC):
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
        return len(json.dumps(value, allow_nan=False)) <= _LONGEST_PUBLIC
    except ValueError:
        return False


def _is_shallow(value: Any, levels_left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels_left > 0 and all(_is_shallow(each, levels_left - 1) for each in inner)


def _text(value: Any) -> str:
    """Return a text to be shown, without what no name has: control characters, which databases
    refuse. It tells nobody from somebody else.
    """
    if not isinstance(value, str):
        return ""
    return "".join(each for each in value[:_LONGEST] if each.isprintable()).strip()


def _texts(value: Any) -> tuple[str, ...]:
    """Return the names of groups and roles, or words, that a claim lists."""
    listed = value if isinstance(value, list) else [value]
    return tuple(name for each in listed if (name := _whole(each)))


def _whole(value: Any) -> str:
    """Return a name as it stands, nothing for one that is too long or has a character that cannot
    be seen: without it, it would be another's name.
    """
    name = value.strip(" ") if isinstance(value, str) else ""
    return name if len(name) <= _LONGEST and name.isprintable() else ""


def _end(tokens: TokenSet | None) -> datetime | None:
    """Return the upstream's own end: that of the refresh token where there is one."""
    if tokens is None:
        return None
    return tokens.refresh_expires_at if tokens.refresh_token else tokens.expires_at

"""How the settings of an OpenID provider are shown in the administration, and filled in from what
the provider publishes.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.provider.shown import MAIN, PEOPLE, Shown
from providers.oidc import checks

LONGEST_ISSUER = 500
# By which our client may prove itself, in the order of what is tried (RFC 6749, 2.3.1).
_METHODS = {"client_secret_basic": "basic", "client_secret_post": "post", "none": "none"}

SHOWN: Mapping[str, Shown] = {
    "issuer": Shown(
        _("Issuer"),
        _("The provider's address, exactly as it names itself, such as https://login.example.org."),
        MAIN,
    ),
    "client_id": Shown(
        _("Client id"), _("The name under which the provider knows this site."), MAIN
    ),
    "client_secret": Shown(
        _("Client secret"), _("The provider gives it with the client id."), MAIN
    ),
    "client_auth": Shown(
        _("How the secret is sent"),
        _("Basic, unless the provider wants it otherwise."),
        MAIN,
        (
            ("", _("by itself: basic with a secret")),
            ("basic", _("in a header (basic)")),
            ("post", _("in the body (post)")),
            ("none", _("no secret: a public client")),
        ),
    ),
    "scope": Shown(_("Scope"), _("What is asked for; openid is needed."), MAIN),
    "claims": Shown(
        _("Where claims stand"),
        _("A line each, such as groups = realm_access.roles. Known: name, username, email, "
          "email_verified, groups, roles."),
        PEOPLE,
    ),
    "allowed_groups": Shown(
        _("Only these groups"), _("Lets in only who is in one of them, one a line."), PEOPLE
    ),
    "required_role_claim": Shown(
        _("Claim of a needed role"), _("Where the role below must stand."), PEOPLE
    ),
    "required_role": Shown(_("Needed role"), _("Lets in only who has it."), PEOPLE),
    "verified_mail_only": Shown(
        _("Only verified e-mail addresses"),
        _("Takes no address that nobody has confirmed."),
        PEOPLE,
    ),
    "strengths": Shown(
        _("How strong its words are"),
        _("A line each, such as gold = high. Known: low, substantial, high, none; * is all other "
          "words. What is usual is known already."),
        PEOPLE,
    ),
    "strength_claim": Shown(
        _("Where its words stand"), _("acr; Entra's acrs; or a path to another claim."), PEOPLE
    ),
    "public": Shown(
        _("Claims for front ends"), _("Shown to front ends in the session, one a line."), PEOPLE
    ),
    "response_mode": Shown(
        _("How the answer comes"),
        choices=(("query", _("in the address (query)")), ("form_post", _("as a form (form_post)"))),
    ),
    "userinfo": Shown(
        _("Ask for userinfo"),
        choices=(("auto", _("when there is one")), ("on", _("always")), ("off", _("never"))),
    ),
    "userinfo_bearer": Shown(
        _("How userinfo is asked"),
        choices=(("header", _("token in a header")), ("body", _("token in the body"))),
    ),
    "accept_bearer": Shown(
        _("Take its access tokens"), _("Programs may call this site with a token of the provider.")
    ),
    "bearer_validation": Shown(
        _("How such tokens are checked"),
        choices=(
            ("local", _("by their signature")),
            ("introspection", _("by asking (introspection)")),
            ("userinfo", _("by asking (userinfo)")),
        ),
    ),
    "audience_claim": Shown(
        _("Whom such tokens are for"), choices=(("aud", "aud"), ("client_id", "client_id"))
    ),
    "discover": Shown(
        _("Read its discovery document"), _("Off: all addresses stand in Endpoints.")
    ),
    "endpoints": Shown(_("Endpoints"), _("A line each: token_endpoint = https://...")),
    "algorithms": Shown(_("Algorithms"), _("By which its tokens may be signed, one a line.")),
    "leeway": Shown(_("Leeway"), _("How far clocks may be apart, in seconds.")),
    "authorize": Shown(_("More parameters of the sign-in"), _("A line each: name = value.")),
    "trusted_audiences": Shown(
        _("Trusted audiences"), _("Who may stand beside this site in aud, one a line.")
    ),
    "required_acr": Shown(
        _("Needed words for strength"), _("Lets in only whose acr is one of these, one a line.")
    ),
    "audience": Shown(_("Audiences of such tokens"), _("One a line; empty, the client id.")),
    "revoke": Shown(_("Revoke its tokens"), _("When somebody signs out without a browser.")),
    "backchannel_logout": Shown(
        _("It may end sessions"), _("By a signed token that it sends (back-channel logout).")
    ),
    "frontchannel_logout": Shown(
        _("It may end sessions in the browser"),
        _("By a page that it frames (front-channel logout)."),
    ),
    "logout_without_exp": Shown(
        _("Its logout tokens have no exp"), _("They count for two minutes.")
    ),
    "logout": Shown(_("More parameters of the sign-out"), _("A line each: name = value.")),
    "logout_names": Shown(
        _("Other names of these parameters"),
        _("A line each: ours = theirs; an empty one is left out."),
    ),
    "icon": Shown(_("Icon")),
    "inside": Shown(
        _("Inside our own net"), _("Calls may reach addresses that only our net can reach.")
    ),
}  # fmt: skip


def filled_in(document: Mapping[str, Any], algorithms: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings that follow from a discovery document (OIDC Discovery, 3), as far as they
    differ from what is usual. `algorithms` are those that are accepted here.
    """
    found: dict[str, Any] = {}
    issuer = document.get("issuer")
    if checks.is_name(issuer, LONGEST_ISSUER):
        found["issuer"] = issuer
    scopes = _texts(document.get("scopes_supported"))
    if scopes:
        wanted = [each for each in ("openid", "profile", "email") if each in scopes]
        found["scope"] = " ".join(dict.fromkeys(["openid", *wanted]))
    methods = _texts(document.get("token_endpoint_auth_methods_supported"))
    usable = [_METHODS[each] for each in _METHODS if each in methods]
    if usable and "basic" not in usable:
        found["client_auth"] = usable[0]
    signed = _texts(document.get("id_token_signing_alg_values_supported"))
    shared = [each for each in algorithms if each in signed]
    if shared and tuple(shared) != algorithms:
        found["algorithms"] = shared
    return found


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

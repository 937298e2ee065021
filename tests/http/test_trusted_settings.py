"""An editor of sources without all rights becomes nobody else by one, and gets nothing of theirs:
only somebody with all rights changes what says where proofs go, or who people are (U37).
"""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Mapping
from contextlib import closing
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounts.login import profile
from accounts.models import Identity, Source, User
from accounts.source import catalogue, registry
from tests.http.conftest import PASSWORD, enter
from tests.http.test_rights_table import staff
from tests.http.test_staff_sources import errors, form, url
from tests.peers import fresh
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.rights
EVIL = "https://evil.example"
ADD = "/admin/accounts/source/add/"
SECRET = "a-secret-of-the-town"

# A whole source of each kind. A new kind, and a new setting, must be added: is it kept or free?
WHOLE: Mapping[str, dict[str, Any]] = {
    "oidc": {
        "issuer": "https://login.example", "client_id": "portal", "client_secret": SECRET,
        "claims": {"groups": "groups"}, "required_role": "staff", "required_role_claim": "roles",
    },
    "ldap": {
        "servers": ["ldaps://directory.example"], "base": "ou=people,dc=example,dc=org",
        "bind_dn": "cn=portal,dc=example,dc=org", "bind_password": SECRET,
        "group_filter": "(uniqueMember={dn})",
    },
    "unilogin": {
        "client_id": "https://portal.example", "client_secret": SECRET, "municipalities": ["101"],
        "ws_user": "portal", "ws_password": SECRET,
    },
    "adgangsplatformen": {
        "cms_url": "https://www.library.example", "patron_url": "https://fbs.example/patron",
        "graphql_user": "portal", "graphql_password": SECRET,
    },
    "tenant": {"upstream": "https://town.example", "secret": SECRET},
    "local": {},
}  # fmt: skip
# Where proofs go and who people are: each with what an attacker would write.
KEPT: Mapping[str, dict[str, Any]] = {
    "oidc": {
        "issuer": EVIL, "client_id": "theirs", "discover": False,
        "endpoints": {"token_endpoint": f"{EVIL}/token", "jwks_uri": f"{EVIL}/keys"},
        "accept_bearer": True, "bearer_validation": "introspection",
        "audience": [f"{EVIL}/api"], "audience_claim": "client_id",
        "logout": {"post_logout_redirect_uri": EVIL},
        "claims": {"groups": "groups", "email": "nickname"},
    },
    "ldap": {
        "servers": ["ldaps://evil.example"], "base": "ou=guests,dc=example,dc=org",
        "start_tls": False, "ca": "/srv/uploads/theirs.pem", "id_attribute": "description",
        "user_filter": "(&(objectClass=person)(description={username}))",
        "password_page": f"{EVIL}/", "mail_is_verified": True,
        "claims": {"email": "description"},
    },
    "unilogin": {
        "issuer": EVIL, "client_id": "https://theirs.example", "ws_address": f"{EVIL}/ws",
        "ws_action": f"{EVIL}/action", "ws_namespace": f"{EVIL}/ns",
    },
    "adgangsplatformen": {
        "cms_url": EVIL, "graphql_path": "/files/theirs.json", "login_path": "/theirs",
        "logout_path": "/theirs", "path_parameter": "destination", "after_login": "/theirs",
        "after_logout": "/theirs", "cookie_name": "another", "patron_url": f"{EVIL}/patron",
        "userinfo_url": f"{EVIL}/userinfo", "subject_key": "x" * 40,
    },
    "tenant": {
        "upstream": EVIL, "origins": [EVIL], "home": EVIL,
        "begins": "/theirs", "ends": "/theirs",
    },
    "local": {},
}  # fmt: skip
# What honest editors change, some of it together.
FREE: Mapping[str, list[dict[str, Any]]] = {
    "oidc": [
        {"client_secret": "another"}, {"client_auth": "post"}, {"response_mode": "form_post"},
        {"scope": "openid https://scopes.example/profile"}, {"algorithms": ["ES256"]},
        {"authorize": {"resource": "https://api.example"}}, {"leeway": 5},
        {"trusted_audiences": ["https://other.example"]}, {"userinfo": "off"},
        {"userinfo_bearer": "body"}, {"claims": {"groups": "https://login.example/groups"}},
        {"public": ["https://login.example/unit"]}, {"allowed_groups": ["https://group.example"]},
        {"required_role": "urn://staff", "required_role_claim": "https://login.example/roles"},
        {"required_acr": ["http://eidas.europa.eu/LoA/high"]}, {"verified_mail_only": True},
        {"strengths": {"http://eidas.europa.eu/LoA/high": "high"}},
        {"strength_claim": "https://login.example/acr"}, {"revoke": False},
        {"backchannel_logout": False}, {"frontchannel_logout": False},
        {"logout_without_exp": True}, {"logout": {"federated": "1"}},
        {"logout_names": {"client_id": "client"}}, {"icon": "person"},
        {"label": "The town", "help": "See https://help.example"},
    ],
    "ldap": [
        {"bind_dn": "cn=other,dc=example,dc=org"}, {"bind_password": "another"},
        {"claims": {"name": "displayName"}}, {"public": ["cn"]},
        {"group_filter": "", "group_attribute": "memberOf"}, {"nested_groups": True},
        {"group_base": "ou=groups,dc=example,dc=org"}, {"group_name": "dn"},
        {"allowed_groups": ["staff"]}, {"disabled_when": {"employeeType": "left"}},
        {"recheck_minutes": 60}, {"icon": "key"}, {"label": "Work", "help": "https://help.example"},
    ],
    "unilogin": [
        {"client_secret": "another"}, {"municipalities": ["102"]}, {"ws_user": "other"},
        {"ws_password": "another"}, {"test_institutions": ["A04441"]}, {"cache_seconds": 60},
        {"scope": "openid https://scopes.example/school"}, {"leeway": 5},
        {"backchannel_logout": False}, {"frontchannel_logout": False},
        {"label": "School", "help": "See https://help.example"},
    ],
    "adgangsplatformen": [
        {"graphql_user": "other"}, {"graphql_password": "another"}, {"registered_only": True},
        {"recheck": 60},
    ],
    "tenant": [
        {"secret": "another"}, {"leaves_by": "call"}, {"unsolicited": True}, {"form_post": True},
        {"recheck_seconds": 60},
    ],
    "local": [{"recovery": False}],
}  # fmt: skip

# The site's own source signs in administrators: an editor cannot touch it at all.
TOUCHED = sorted({*WHOLE} - {Source.LOCAL})


@pytest.fixture
def editor(house: None) -> Client:
    """Somebody who adds and changes sources, and has no other right."""
    return staff("add_source", "change_source", "view_source")[1]


def saved(kind: str, **settings: Any) -> Source:
    row = Source(slug="town", provider=kind, settings={**WHOLE[kind], **settings})
    catalogue.save(row)
    fresh.sources()
    return row


def with_people(kind: str, **settings: Any) -> Source:
    row = saved(kind, **settings)
    alice = User.objects.create_user("alice", PASSWORD)
    issuer = catalogue.instance(row).describe().issuer
    Identity.objects.create(user=alice, source=row, issuer=issuer, subject="alice")
    return row


def change(client: Client, row: Source, **settings: Any) -> Any:
    given = {**catalogue.shown_settings(row), **settings}
    return client.post(url(row), form(row, settings=json.dumps(given)))


def said(response: Any) -> str:
    assert response.status_code == 200
    return unescape(str(errors(response)["settings"]))


def test_each_setting_of_each_kind_is_judged_here() -> None:
    judged = {
        kind: {*KEPT[kind], *(name for each in FREE[kind] for name in each), "inside"}
        for kind in WHOLE
    }
    there = {
        name: {each.name for each in dataclasses.fields(kind.Settings)} | {"inside"}
        for name, kind in registry.providers().items()
    }
    assert judged == there


@pytest.mark.parametrize("kind", TOUCHED)
def test_what_says_where_proofs_go_and_who_people_are_is_kept(editor: Client, kind: str) -> None:
    row, let_through = with_people(kind), []
    for name, value in KEPT[kind].items():
        answer = change(editor, row, **{name: value})
        told = str(errors(answer).get("settings"))
        if answer.status_code != 200 or not (f"{name}: it says " in told and "all rights" in told):
            let_through.append((name, told))
    assert not let_through
    assert row.settings == Source.objects.get(pk=row.pk).settings


@pytest.mark.parametrize("kind", TOUCHED)
def test_what_honest_editors_need_they_change(editor: Client, kind: str) -> None:
    row = with_people(kind)
    before, refused = row.settings, []
    for changes in FREE[kind]:
        answer = change(editor, row, **changes)
        changed = Source.objects.get(pk=row.pk).settings != before
        if answer.status_code != 302 or not changed:
            refused.append((changes, errors(answer)))
        Source.objects.filter(pk=row.pk).update(settings=before)
    assert not refused


@pytest.mark.parametrize("kind", TOUCHED)
def test_words_and_order_are_changed_where_people_are_known(editor: Client, kind: str) -> None:
    row = with_people(kind)
    texts = json.dumps({"da": {"label": "Byen", "help": "https://help.example"}})
    given = form(row, label="The town", order=7, note="Back at noon", texts=texts)
    assert editor.post(url(row), given).status_code == 302
    row.refresh_from_db()
    assert (row.label, row.order, row.texts["da"]["label"]) == ("The town", 7, "Byen")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "endpoints: it says by what people are known. Ask somebody with all rights."),
        ("da", "endpoints: det afgør, hvordan folk genkendes. Spørg en, der har alle rettigheder."),
        ("de", "endpoints: Das bestimmt, woran Personen erkannt werden. Fragen Sie jemanden mit "
               "allen Rechten."),
    ],
)  # fmt: skip
def test_it_is_said_at_the_field(editor: Client, language: str, sentence: str) -> None:
    row = with_people("oidc")
    typed = {"typed": "1", "order": 100, "enabled": "on", "set-issuer": "https://login.example",
             "set-client_id": "portal", "set-client_secret": "theirs", "set-discover": "on",
             "set-scope": "openid profile email", "set-leeway": 30,
             "set-endpoints": f"token_endpoint = {EVIL}/token"}  # fmt: skip
    answer = editor.post(url(row), typed, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert errors(answer)["set-endpoints"] == [sentence]
    assert sentence in answer.content.decode()
    assert row.settings == Source.objects.get(pk=row.pk).settings


def test_a_source_that_nobody_comes_by_is_set_up_in_peace(editor: Client) -> None:
    row = saved("oidc")
    moved = {"issuer": "https://new.example", "client_id": "new", "client_secret": "new"}
    assert change(editor, row, **moved).status_code == 302


def test_nobody_is_called_what_an_editor_likes(editor: Client) -> None:
    """Front ends show the name of a session, and some know people by it."""
    row, named = saved("oidc"), {"username": "preferred_username"}
    whole = {**WHOLE["oidc"], "issuer": EVIL, "claims": named}
    new = {**form(row, slug="mine", provider="oidc"), "settings": json.dumps(whole)}
    for answer in (editor.post(ADD, new), change(editor, row, claims=named)):
        assert "claims: it says by what people are known. Ask somebody with all" in said(answer)
    assert not Source.objects.filter(slug="mine").exists()
    row.settings["claims"] = named
    catalogue.save(row)
    for claims in (named, {**named, "groups": "roles"}):
        answer = change(editor, row, client_secret="new", claims=claims)
        assert answer.status_code == 302, errors(answer)
    assert "issuer: it says by what people" in said(change(editor, row, issuer=EVIL))
    assert change(editor, row, issuer=EVIL, client_secret="x", claims={}).status_code == 302


def test_a_source_of_an_editors_verifies_no_address(editor: Client, peer: Upstream) -> None:
    """Its claims are theirs: they could have anybody's address (U08)."""
    row = saved("oidc")
    assert change(editor, row, label="Town", claims={"groups": "roles"}).status_code == 302
    row.refresh_from_db()
    assert row.verifies_mail, "it is whom it was"
    moved = {"issuer": EVIL, "client_secret": "theirs"}
    assert editor.post(url(row), form(row, settings=json.dumps({**row.settings, **moved}),
                                      verifies_mail="on")).status_code == 302  # fmt: skip
    row.refresh_from_db()
    assert not row.verifies_mail
    oidc = {"issuer": EVIL, "client_id": "mine"}
    new = {**form(row, settings=json.dumps(oidc)), "slug": "mine", "provider": "oidc"}
    answer = editor.post(ADD, {**new, "verifies_mail": "on"}, follow=True)
    assert "count as verified once somebody with all rights" in answer.content.decode()
    assert not Source.objects.get(slug="mine").verifies_mail


@pytest.mark.parametrize("verifies", [True, False])
def test_an_address_is_verified_where_its_source_verifies_any(
    tenant: Any, peer: Upstream, verifies: bool
) -> None:
    tenant(columns={"verifies_mail": verifies})
    peer.extra = {"email": "director@example.org", "email_verified": True}
    for _time in range(2):
        enter(Client(), "town", "mallory")
        assert User.objects.get().email_verified is verifies
    peer.extra["email"] = "root@example.org"
    enter(Client(), "town", "mallory")
    found = User.objects.get()
    assert (found.email, found.email_verified) == ("root@example.org", verifies)
    found.give_local_identity()  # another way in says nothing of the address
    tenant(columns={"verifies_mail": False})  # which takes back what it said before
    assert not User.objects.get().email_verified
    tenant(columns={"verifies_mail": True})
    enter(Client(), "town", "mallory")
    assert User.objects.get().email_verified


@pytest.mark.parametrize("none", ["not an address", "a" * 300 + "@b.dk", "a@" + "b." * 126 + "dk"])
def test_what_is_no_address_is_not_taken_for_one(
    tenant: Any, peer: Upstream, none: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant()
    for named, kept in ((none, ""), ("bob@example.org",) * 2, (none, "bob@example.org")):
        peer.extra = {"email": named, "email_verified": True}
        enter(Client(), "town", "bob")
        found = User.objects.get()
        assert (found.email, found.email_verified) == (kept, True)
        found.full_clean(exclude=["password"])
    peer.extra["email"] = "bob@example.org"
    monkeypatch.setattr(profile, "is_address", None)
    enter(Client(), "town", "bob")  # the address that is stored is not judged again


def test_whoever_has_all_rights_changes_it(client: Client, house: None) -> None:
    User.objects.create_superuser("ada", PASSWORD).give_local_identity()
    client.post("/auth/login/local", {"username": "ada", "password": PASSWORD})
    row = with_people("ldap")
    moved = change(client, row, servers=["ldaps://new.example"], bind_password="new")
    assert moved.status_code == 302, errors(moved)


def test_other_peoples_tokens_go_to_no_address_of_an_editors(editor: Client) -> None:
    taking = {"accept_bearer": True, "bearer_validation": "introspection"}
    mine = {"endpoints": {"introspection_endpoint": f"{EVIL}/ask"}, "client_auth": "basic"}
    row = saved("oidc")
    assert change(editor, row, **mine, client_secret="theirs").status_code == 302
    row.refresh_from_db()
    assert "accept_bearer: it says where people's cookies or tokens go" in said(
        change(editor, row, **mine, **taking)
    )
    whole = {**WHOLE["oidc"], **mine, **taking}
    new = {**form(row, slug="mine", provider="oidc"), "settings": json.dumps(whole)}
    assert "tokens go" in said(editor.post(ADD, new))
    assert not Source.objects.filter(slug="mine").exists()


def test_what_may_call_inside_is_not_turned_elsewhere(editor: Client) -> None:
    row = saved("oidc", inside=True)
    moved = change(editor, row, issuer="https://10.0.0.7", client_secret="new")
    assert "inside: " in said(moved)


def test_an_editor_asks_for_no_passwords_and_nobody_is_called(editor: Client) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        place = f"ldap://127.0.0.1:{listening.getsockname()[1]}"
        typed = {"typed": "1", "order": 1, "enabled": "on", "_save": "1", "slug": "mine",
                 "provider": "ldap", "set-servers": place, "set-base": "dc=example,dc=org",
                 "set-user_filter": "(uid={username})", "set-id_attribute": "description",
                 "set-group_name": "cn", "set-recheck_minutes": 5, "set-icon": "key"}  # fmt: skip
        answer = editor.post(ADD, typed)
        assert "servers: it says where passwords go" in str(errors(answer)["set-servers"])
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert not Source.objects.filter(slug="mine").exists()

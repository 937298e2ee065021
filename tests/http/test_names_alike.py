"""Names that people would take for another's, and names with what cannot be seen (docs/threats.md,
U26).
"""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from accounts.models import User
from portal.authorization_server.models import Client
from portal.door.names import looks_like_one
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import register
from tests.http.oauth.test_client_rights import ADD, EVIL, form, page_of, refused
from tests.http.test_rights_table import staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.rights]
LIBRARY = "City Library"
ALIKE = ("City Library", "city  library", "CITY-LIBRARY", "C\u0456ty Libr\u0430ry", "City L1brary")
HIDDEN = ("City\u200b Library", "\u202eyrarbiL ytiC", "City Library\nof ours", "City\u00adLibrary")


@pytest.fixture
def ada(house: None) -> Browser:
    User.objects.create_superuser("ada", PASSWORD)
    own = Browser()
    sign_in(own, "ada")
    return own


def faults(page: str) -> list[str]:
    found = re.findall(r'class="errorlist"[^>]*>(.*?)</ul>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", each)).strip() for each in found]


@pytest.mark.parametrize(
    "name", [*ALIKE, "C\u0456t\u0443 L\u0131brary", "\uff23ity Library", "library"]
)
def test_u26_a_name_is_found_to_look_like_another(name: str) -> None:
    assert looks_like_one(name, ["Archive", LIBRARY, "Library"])


@pytest.mark.parametrize("name", ["City Librarian", "Old City Library", "", "!?"])
def test_u26_other_names_are_others(name: str) -> None:
    assert not looks_like_one(name, ["", "!!", "Archive", LIBRARY])


def test_u26_an_editor_calls_no_client_as_another_is_called(ada: Browser) -> None:
    _user, carl = staff("add_client", "change_client", "view_client")
    library = register("library", name=LIBRARY, skip_authorization=True)
    unnamed = register("registry", name="")
    row = Client(name="Mine", redirect_uris=EVIL)
    for name in (*ALIKE, "Registry"):
        assert refused(carl.post(ADD, form(row, client_id="mine", name=name))) == {"name"}, name
    assert refused(carl.post(ADD, form(row, client_id="mine"))) == set()
    mine = Client.objects.get(client_id="mine")
    assert refused(carl.post(page_of(mine), form(mine, name=LIBRARY))) == {"name"}
    # Nor in two steps, of which the first takes the name from whose it is.
    assert refused(carl.post(page_of(library), form(library, name="Old"))) == {"name"}
    Client.objects.filter(pk=mine.pk).update(name=LIBRARY)  # as somebody with all rights may
    assert refused(carl.post(page_of(mine), form(mine, name=LIBRARY, jwks_uri=""))) == set()
    assert refused(ada.post(page_of(unnamed), form(unnamed, name=LIBRARY))) == set()


def test_u26_no_client_has_what_cannot_be_seen_in_its_name(ada: Browser) -> None:
    row = Client(name="Mine", redirect_uris=EVIL)
    for name in HIDDEN:
        assert refused(ada.post(ADD, form(row, client_id="mine", name=name))) == {"name"}, name
        with pytest.raises(ValidationError) as refusal:
            register("mine", name=name)  # as a file of clients has it
        assert set(refusal.value.message_dict) == {"name"}


def test_u26_no_group_looks_like_another(ada: Browser) -> None:
    _user, carl = staff("add_group", "change_group", "view_group")
    place = "/admin/auth/group/add/"
    Group.objects.create(name=LIBRARY)
    for name in ALIKE[1:]:
        said = faults(carl.post(place, {"name": name}).content.decode())
        assert said == ["A group has this name, or one that looks the same."]
    for who in (carl, ada):
        for name in HIDDEN:
            said = faults(who.post(place, {"name": f"{name} 2"}).content.decode())
            assert said == ["Use a name in one line, without characters that cannot be seen."]
    assert carl.post(place, {"name": "Archive"}).status_code == 302
    assert ada.post(place, {"name": "CITY LIBRARY"}).status_code == 302
    former = Group.objects.create(name="Old\u200b")
    sent = {"name": former.name, "seen": ""}
    shown = ada.get(f"/admin/auth/group/{former.pk}/change/").content.decode()
    sent["seen"] = re.search(r'name="seen" value="([^"]*)"', shown)[1]  # type: ignore[index]
    assert ada.post(f"/admin/auth/group/{former.pk}/change/", sent).status_code == 302


@pytest.mark.parametrize(
    ("former", "drawn"),
    [
        ("ada", "\u0430\u0501\u0430"),
        ("mia", "\u043c\u0456\u0430"),
        ("pat-10", "\u0440\u0430\u0442-10"),
        ("katie", "\u039a\u0391\u03a4\u0399\u0395"),
    ],
)
def test_u07_no_username_is_drawn_in_another_alphabet_as_somebody_elses(
    ada: Browser, former: str, drawn: str
) -> None:
    if former != "ada":
        User.objects.create_user(former)
    place, new = "/admin/accounts/user/add/", {"status": "active", "email": "x@example.org"}
    said = faults(ada.post(place, {**new, "username": drawn}).content.decode())
    assert said == ["Somebody has this name, or one that looks the same."]
    table = {"text": f"username,email\n{drawn},x@example.org\n"}
    assert b"or one that looks the same" in ada.post("/admin/accounts/user/invite/", table).content
    # Another name in the same alphabet is another, and one that is there is edited as any.
    assert ada.post(place, {**new, "username": drawn * 2}).status_code == 302
    there = User.objects.create_user(drawn, email="y@example.org")
    page = f"/admin/accounts/user/{there.pk}/change/"
    assert ada.post(page, {**new, "username": drawn, "name": "There"}).status_code == 302


def test_u26_nobody_has_what_cannot_be_seen_in_their_name(ada: Browser) -> None:
    place = "/admin/accounts/user/"
    for name in HIDDEN:
        sent = {"username": "eve", "name": name, "email": "", "status": "active"}
        said = faults(ada.post(f"{place}add/", sent).content.decode())
        assert said == ["Use a name in one line, without characters that cannot be seen."]
        table = f'username,name,email\neve,"{name}",eve@example.org'
        said = ada.post(f"{place}invite/", {"text": table}).content.decode()
        assert "Name: Use a name in one line, without characters" in said
    assert not User.objects.filter(username="eve").exists()

"""A source's own logo: only the picture is kept, and only of two kinds."""

from __future__ import annotations

import base64
import contextlib
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Source, User
from accounts.source import logos
from portal.configuration.toml import RefusedError
from portal.operations import source_file
from tests.http.conftest import PASSWORD, sign_in
from tests.peers import fresh
from tests.peers.upstream import Upstream


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(wide: int = 2, high: int = 2, *more: bytes, after: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))
    pixels = zlib.compress((b"\0" + b"\xff\0\0" * 2) * 2)
    body = chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body + after


def webp(wide: int = 2, high: int = 2, kind: bytes = b"VP8L") -> bytes:
    body = b"\x2f" + struct.pack("<I", (wide - 1) | (high - 1) << 14) + b"\0\0\0"
    said = struct.pack("<4sI", kind, len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(said)) + b"WEBP" + said


def kept(content: bytes) -> bytes:
    return base64.b64decode(logos.data_url(content).partition(",")[2])


def test_only_the_picture_is_kept() -> None:
    said = chunk(b"tEXt", b"Comment\0<script>alert(1)</script>") + chunk(b"eXIf", b"where I live")
    found = kept(png(2, 2, said, after=b"<script>alert(2)</script>"))
    assert found == png()
    assert kept(webp()) == webp()
    assert kept(webp() + b"<html>") == webp()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", b"GIF89a" * 20,
        png()[:-8], png(0, 2), png(4096, 2), b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        png().replace(b"IDAT", b"IDAU"), webp(kind=b"VP8X"), webp()[:22],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 60_000,
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        logos.data_url(content)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(content: bytes) -> None:
    for begun in (content, b"\x89PNG\r\n\x1a\n" + content, b"RIFF" + content):
        with contextlib.suppress(ValueError):
            assert logos.data_url(begun).startswith("data:image/")


def test_a_logo_is_uploaded_shown_and_taken_away(
    client: Client, house: None, tenant: Callable[..., Source], peer: Upstream
) -> None:
    row = tenant()
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    url = f"/admin/accounts/source/{row.pk}/change/"
    sent: dict[str, Any] = {"typed": "1", "order": 100, "enabled": "on", "set-upstream": peer.url}
    wrong = SimpleUploadedFile("x.svg", b"<svg/>", "image/svg+xml")
    answer = client.post(url, {**sent, "logo_file": wrong})
    assert "logo_file" in answer.context["adminform"].form.errors
    right = SimpleUploadedFile("x.png", png(), "image/png")
    assert client.post(url, {**sent, "logo_file": right}).status_code == 302
    row.refresh_from_db()
    assert row.logo.startswith("data:image/png;base64,")
    assert client.post(url, sent).status_code == 302
    row.refresh_from_db()
    assert row.logo, "it stays when nothing is uploaded"
    fresh.feed()
    page = Client().get("/login?choose=1").content.decode()
    assert f'src="{row.logo}"' in page
    client.post(url, {**sent, "logo_clear": "on"})
    row.refresh_from_db()
    assert row.logo == ""


def test_a_logo_travels_in_the_file_of_sources_and_to_front_ends(
    client: Client, tenant: Callable[..., Source], peer: Upstream
) -> None:
    row = tenant()
    row.logo = logos.data_url(png())
    row.save()
    with_it = source_file.export()
    assert row.logo in with_it
    Source.objects.filter(pk=row.pk).update(logo="")
    source_file.apply(with_it)
    assert Source.objects.get(pk=row.pk).logo == row.logo
    source_file.apply(with_it.replace(f'logo = "{row.logo}"', ""))
    assert Source.objects.get(pk=row.pk).logo == row.logo, "as a secret, it stays when left out"
    fresh.feed()
    told = {each["slug"]: each["logo"] for each in client.get("/auth/sources").json()}
    assert told[row.slug] == row.logo


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/x.png", "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,%",
    ],
)  # fmt: skip
def test_a_file_brings_no_other_logo(
    tenant: Callable[..., Source], peer: Upstream, url: str
) -> None:
    row = tenant()
    text = source_file.export().replace('provider = "', f'logo = "{url}"\nprovider = "')
    with pytest.raises(RefusedError, match="logo"):
        source_file.apply(text)
    assert Source.objects.get(pk=row.pk).logo == ""

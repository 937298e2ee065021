"""What a third-party provider's wheel brings along, beside its class (docs/providers.md)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.peers.commands import manage
from tests.peers.site import environment

CATALOG = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
WORDS = {"The guild": "Lauget", "Username": "Laugsnavn"}
ASK = """
from django.utils.translation import gettext, override
with override("da"):
    print(gettext("The guild"), gettext("Username"), sep=", ")
"""


def wheel(site: Path) -> None:
    """Lay a provider with a Danish catalog where pip would install it."""
    words = site / "guild" / "locale" / "da" / "LC_MESSAGES"
    words.mkdir(parents=True)
    (site / "guild" / "__init__.py").write_text("raise RuntimeError('settings run no provider')")
    text = CATALOG + "".join(f'msgid "{en}"\nmsgstr "{da}"\n' for en, da in WORDS.items())
    (words / "django.po").write_text(text)
    subprocess.run(["msgfmt", "-o", words / "django.mo", words / "django.po"], check=True)
    info = site / "vestibule_guild-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vestibule-guild\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(
        "[vestibule.providers]\nguild = guild.provider:GuildProvider\n"
    )


def asked(site: Path, named: str) -> str:
    own = {"VESTIBULE_DATA": str(site / "data"), "VESTIBULE_PROVIDER_WHEELS": named}
    done = manage(
        ["shell", "--verbosity=0"], environment(own) | {"PYTHONPATH": str(site)}, stdin=ASK
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_words_of_a_wheel_are_translated_and_those_of_the_site_stay(tmp_path: Path) -> None:
    wheel(tmp_path)
    assert asked(tmp_path, "guild") == "Lauget, Brugernavn"
    assert asked(tmp_path, "") == "The guild, Brugernavn"
    assert asked(tmp_path, "nobodys") == "The guild, Brugernavn"

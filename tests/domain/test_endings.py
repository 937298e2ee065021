"""A command that is asked to end leaves nothing behind, whoever asks for it once more."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from portal.operations.endings import in_order, put_off


def asked_twice(cleared: Path) -> None:
    with in_order():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleared.touch()


def test_no_second_word_breaks_off_what_is_cleared_away(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        asked_twice(tmp_path / "cleared")
    assert left.value.code == 128 + signal.SIGHUP
    assert (tmp_path / "cleared").exists()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def asked_while_put_off(begun: list[str]) -> None:
    with in_order():
        with put_off():
            with put_off():
                os.kill(os.getpid(), signal.SIGTERM)
                begun.append("inner")
            begun.append("outer")
        begun.append("after")


def test_an_end_waits_for_what_begins_something() -> None:
    begun: list[str] = []
    with pytest.raises(SystemExit) as left:
        asked_while_put_off(begun)
    assert left.value.code == 128 + signal.SIGTERM
    assert begun == ["inner", "outer"]

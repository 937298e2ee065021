"""The numbers of many processes are one: whoever dies leaves theirs, until the server has ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.test import override_settings

from portal.operations.metrics import files, numbers
from portal.server.front import Standing
from tests.peers.commands import manage
from tests.peers.site import environment
from tests.peers.small_disk import small_disk

COUNTS = """
from portal.operations.metrics import numbers
from portal.server.front import Standing
if {server}:
    numbers.as_a_server()
numbers.count("event", "login.succeeded", "town", "oidc", "")
numbers.count("call", 0.2, "source:town", "answered")
numbers.standing(Standing(8, 1, 0, 0))
own = numbers.of_this_process()
assert own
print(own._word("source", "town"))
"""


def count(data: Path, *, server: bool = False) -> None:
    env = environment({"VESTIBULE_DATA": str(data), "VESTIBULE_METRICS_TOKEN": "any"})
    done = manage(["shell", "--verbosity=0"], env, stdin=COUNTS.format(server=server))
    assert done.stdout == "town\n", done.stderr


def summed(data: Path) -> dict[str, float]:
    from prometheus_client.multiprocess import MultiProcessCollector

    with override_settings(DATA_DIR=data):
        found = MultiProcessCollector.merge(files.readable())
    return {each.name: each.value for metric in found for each in metric.samples}


def servers(data: Path) -> set[str]:
    """Return whose workers have left counters: `counter_<server>.<begun>-...`."""
    return {path.name.split("-")[0] for path in data.glob("metrics/*/counter*.db")}


def test_workers_are_summed_up_and_leave_their_counters(tmp_path: Path) -> None:
    count(tmp_path)
    count(tmp_path)
    found = summed(tmp_path)
    assert found["vestibule_sign_ins_total"] == 2
    assert found["vestibule_upstream_seconds_count"] == 2
    assert "vestibule_front_threads" not in found, "of a process that has ended"


def test_workers_that_have_died_leave_one_file_of_each_kind(tmp_path: Path) -> None:
    """Else a site that starts workers anew each day fills its disk, or the memory that it is."""
    for _worker in range(4):
        count(tmp_path)
    found = summed(tmp_path)
    assert found["vestibule_sign_ins_total"] == 4
    assert found["vestibule_upstream_seconds_bucket"] == 4
    names = sorted(path.name for path in tmp_path.glob("metrics/*/*"))
    assert len(names) == len(files.KINDS) + 2, "those of the last one, and what was before"
    assert [name.rpartition("-")[2] for name in names if "past" in name] == ["past.db"] * 2


def test_a_damaged_file_of_a_worker_that_has_died_stops_nobody(tmp_path: Path) -> None:
    count(tmp_path)
    (left,) = tmp_path.glob("metrics/*/counter*.db")
    with left.open("r+b") as damaged:
        damaged.seek(8)
        damaged.write(b"\xff\xff\xff\x7f")
    count(tmp_path)
    assert summed(tmp_path)["vestibule_sign_ins_total"] == 1


def test_a_worker_that_has_found_no_room_stops_nobody(tmp_path: Path) -> None:
    """Its files stayed, empty: /metrics was a 500, and the next worker failed at all it counts."""
    with small_disk(8) as disk:
        count(disk.folder)
        (folder,) = disk.folder.glob("metrics/*")
        with disk.full(), override_settings(DATA_DIR=disk.folder), pytest.raises(OSError):
            files.begin(os.getppid())
        assert not [each for each in folder.iterdir() if not each.stat().st_size]
        assert summed(disk.folder)["vestibule_sign_ins_total"] == 1
        left = next(folder.glob("counter_*.db"))
        left.with_name(f"{left.stem.rpartition('-')[0]}-1.1.db").touch()  # of a former version
        assert summed(disk.folder)["vestibule_sign_ins_total"] == 1
        count(disk.folder)
        assert summed(disk.folder)["vestibule_sign_ins_total"] == 2


def test_what_a_former_server_has_counted_is_over(tmp_path: Path) -> None:
    count(tmp_path, server=True)  # one of its own, which ends with it
    (alone,) = servers(tmp_path)
    assert summed(tmp_path) == {}
    count(tmp_path)
    (later,) = servers(tmp_path)  # the files of the former are deleted
    assert later != alone, "a first count makes no worker of a server"
    count(tmp_path)
    assert servers(tmp_path) == {later}


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("no folder")
    numbers.of_this_process.cache_clear()
    with override_settings(DATA_DIR=tmp_path, VESTIBULE_METRICS_TOKEN="any"):
        numbers.count("event", "login.succeeded", "town", "oidc", "")
        numbers.standing(Standing(8, 1, 0, 0))
    numbers.of_this_process.cache_clear()


@pytest.mark.parametrize("word", ["two words", "x" * 61, "<script>", "ü"])
def test_a_label_is_a_word(word: str) -> None:
    assert numbers.Words().bounded(word) == numbers.OTHER


def test_a_label_has_so_many_values() -> None:
    words = numbers.Words()
    assert [words.bounded(f"w{n}") for n in range(100)] == [f"w{n}" for n in range(100)]
    assert words.bounded("w100") == numbers.OTHER
    assert words.bounded("w7") == "w7"


def test_a_machine_that_is_renamed_meanwhile_counts_on(tmp_path: Path) -> None:
    """As by DHCP, after the site has started: /metrics was empty, and what a worker that was
    started anew counted lay apart.
    """
    count(tmp_path)
    (folder,) = tmp_path.glob("metrics/*")
    former = folder.rename(folder.with_name("as-it-was-called-before"))
    assert summed(tmp_path)["vestibule_sign_ins_total"] == 1
    count(tmp_path)
    assert summed(tmp_path)["vestibule_sign_ins_total"] == 2
    assert [*tmp_path.glob("metrics/*")] == [former]

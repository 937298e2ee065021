"""Turns: so many at once, the others in their order, and nobody for ever."""

from __future__ import annotations

import asyncio
import re

from portal.server.turns import Turns


def turns(seconds: float = 60.0) -> Turns:
    return Turns(re.compile(r"/auth/callback/"), at_once=2, seconds=seconds)


async def everybody() -> None:
    """Let each task go on until it waits for another: nothing here waits for the clock."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_only_what_may_wait_for_an_upstream_queues() -> None:
    assert turns().concern("/auth/callback/town")
    assert not turns().concern("/auth/session")


def test_so_many_at_once_and_the_others_in_their_order() -> None:
    async def run() -> list[int]:
        known, came = turns(), []

        async def one(number: int) -> None:
            assert await known.come()
            came.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(5)]
        for expected in (2, 3, 4, 5):
            await everybody()
            assert len(came) == expected
            known.over()
        await asyncio.gather(*tasks)
        return came

    assert asyncio.run(run()) == [0, 1, 2, 3, 4]


def test_who_waits_too_long_is_late_and_takes_nobodys_turn() -> None:
    async def run() -> None:
        known = turns(seconds=0.05)
        assert await known.come()
        assert await known.come()
        assert not await known.come()
        known.over()
        assert await known.come()

    asyncio.run(run())

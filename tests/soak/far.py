"""A network between callers and a port: each byte takes its time, in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

NOBODY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
) -> None:
    """Hand on what comes, and that it ends, each piece after so many seconds."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while True:
            piece = await reader.read(65536)
            loop.call_later(seconds, writer.write if piece else _end, piece or writer)
            if not piece:
                return
    loop.call_later(seconds, _end, writer)


def _end(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        writer.close()


@contextlib.contextmanager
def far(port: int, seconds: float) -> Iterator[int]:
    """Give a port from which it takes so many seconds to a port of 127.0.0.1, and as many back.
    Who finds nobody there is told so by 502, as by a proxy.
    """
    loop = asyncio.new_event_loop()
    over, told = asyncio.Event(), Future[int]()

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.write(NOBODY)
            with contextlib.suppress(OSError):
                await reader.read()  # else the kernel resets what has not been read
            _end(writer)
            return
        await asyncio.gather(_carry(reader, back, seconds), _carry(there, writer, seconds))

    async def serve() -> None:
        listening = await asyncio.start_server(come, "127.0.0.1", 0)
        told.set_result(listening.sockets[0].getsockname()[1])
        await over.wait()
        listening.close()
        carried = asyncio.all_tasks() - {asyncio.current_task()}
        if carried:
            await asyncio.wait(carried, timeout=1)

    own = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    own.start()
    try:
        yield told.result(10)
    finally:
        loop.call_soon_threadsafe(over.set)
        own.join(10)
        loop.close()

"""Sockets that are kept open between two uses."""

import select


def has_news(connection: int) -> bool:
    """Tell whether there is something to read from a socket, its end included."""
    look = select.poll()
    look.register(connection, select.POLLIN)
    return bool(look.poll(0))

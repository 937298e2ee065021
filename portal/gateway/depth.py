"""How far below its path a request reaches (RFC 4918, 10.2)."""

from collections.abc import Mapping

# These reach all that lies below, whatever `Depth` says: the server acts so (RFC 4918, 9.6.1 and
# 9.9.2), deletes what stands at the destination of a copy (9.8.4), or reads the depth from the body
# (RFC 6578, 3.3; RFC 5323, 5.4; RFC 5842; RFC 3253).
_WHOLE = frozenset(
    {
        "COPY", "MOVE", "DELETE", "REPORT", "SEARCH", "BIND", "UNBIND", "REBIND", "UPDATE", "LABEL",
        "MERGE",
    }
)  # fmt: skip
# With any other `Depth` these reach all of it as well (RFC 4918, 9.1 and 9.10.3). A list of one
# level names what lies below, as a page of the folder does; Microsoft's clients may leave its root
# out.
_SPARING = {"PROPFIND": frozenset({"0", "1", "1,noroot"}), "LOCK": frozenset({"0"})}
# WebDAV's servers alone take these, and for them `town.docx` is another file than `town`. An
# application that takes `DELETE /town.json` for one of `/town` knows none of them.
BY_WHOLE_NAMES = frozenset({"COPY", "MOVE", "LOCK", "PROPFIND"})


def deep(methods: tuple[str, ...], headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return those of the methods by which a request reaches all that lies below its paths."""
    said = headers.get("depth", "").strip()
    return tuple(
        each
        for each in methods
        if each in _WHOLE or (each in _SPARING and said not in _SPARING[each])
    )

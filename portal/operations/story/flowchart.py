"""The logout chart (tests/chart/data/go.md, "Logout"), the nodes that somebody travelled lit."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext_lazy as _

WIDTH, HEIGHT = 960, 700
_BOX, _TALL, _ROW, _TOP = 250, 48, 78, 12
_LEFT, _MIDDLE, _RIGHT, _OUTER = 155, 440, 780, 14
_LETTER = 7.3


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a node stands, by column and row, and what it says."""

    x: int
    row: int
    said: Any
    asks: bool = False

    @property
    def y(self) -> int:
        """The upper edge."""
        return _TOP + self.row * _ROW


SPOTS: dict[str, Spot] = {
    "UserClicksLogout": Spot(_MIDDLE, 0, _("The person clicks Sign out")),
    "RedirectToLogoutEndpoint": Spot(_MIDDLE, 1, _("The browser goes to the logout")),
    "SessionExist": Spot(_MIDDLE, 2, _("Is there a session?"), asks=True),
    "CheckType": Spot(_MIDDLE, 3, _("Of which type?"), asks=True),
    "IsUnilogin": Spot(_LEFT, 4, _("Left by a call, as Unilogin")),
    "IsUnknown": Spot(_MIDDLE, 4, _("Nothing to leave, or unknown")),
    "IsAdgangsplatformen": Spot(_RIGHT, 4, _("Left by a visit, as Adgangsplatformen")),
    "CallUniloginLogout": Spot(_LEFT, 5, _("The source's logout is called")),
    "DestroySession": Spot(_MIDDLE, 6, _("The session is destroyed")),
    "DestroySessionBeforeRedirect": Spot(_RIGHT, 5, _("The session is destroyed")),
    "RedirectToAdgangsplatformenLogout": Spot(_RIGHT, 6, _("The browser is sent to the source")),
    "LogoutRemoteAdgangsplatformen": Spot(_RIGHT, 7, _("The source signs the person out")),
    "RedirectBackToGo": Spot(_RIGHT, 8, _("The source sends the browser back")),
    "RedirectToFrontpage": Spot(_MIDDLE, 8, _("The front page")),
}
EDGES: tuple[tuple[str, str], ...] = (
    ("UserClicksLogout", "RedirectToLogoutEndpoint"),
    ("RedirectToLogoutEndpoint", "SessionExist"),
    ("SessionExist", "CheckType"),
    ("SessionExist", "RedirectToFrontpage"),
    ("CheckType", "IsUnknown"),
    ("CheckType", "IsUnilogin"),
    ("CheckType", "IsAdgangsplatformen"),
    ("IsUnknown", "DestroySession"),
    ("IsAdgangsplatformen", "DestroySessionBeforeRedirect"),
    ("DestroySessionBeforeRedirect", "RedirectToAdgangsplatformenLogout"),
    ("RedirectToAdgangsplatformenLogout", "LogoutRemoteAdgangsplatformen"),
    ("LogoutRemoteAdgangsplatformen", "RedirectBackToGo"),
    ("IsUnilogin", "CallUniloginLogout"),
    ("CallUniloginLogout", "DestroySession"),
    ("DestroySession", "RedirectToFrontpage"),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the picture, `lit` when it was travelled."""

    x: int
    y: int
    width: int
    height: int
    radius: int
    text_x: int
    text_y: int
    said: str
    lit: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow of the picture, `lit` when it was travelled."""

    path: str
    tip: str
    lit: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """The whole picture, and the way that was taken in words."""

    width: int
    height: int
    nodes: list[Node]
    edges: list[Edge]
    way: list[str]


def draw(travelled: Collection[str]) -> Chart:
    """Return the chart with the nodes `travelled` lit, in their order."""
    taken = [name for name in travelled if name in SPOTS]
    steps = set(pairwise(taken))
    nodes = [_node(SPOTS[name], name in taken) for name in SPOTS]
    edges = [_edge(edge, edge in steps) for edge in EDGES]
    edges.sort(key=lambda edge: edge.lit)  # what is lit lies above
    return Chart(WIDTH, HEIGHT + 20, nodes, edges, [str(SPOTS[name].said) for name in taken])


def _node(spot: Spot, lit: bool) -> Node:
    return Node(
        x=spot.x - _BOX // 2,
        y=spot.y,
        width=_BOX,
        height=_TALL,
        radius=_TALL // 2 if spot.asks else 5,
        text_x=spot.x,
        text_y=spot.y + _TALL // 2 + 5,
        said=str(spot.said),
        lit=lit,
    )


def _edge(edge: tuple[str, str], lit: bool) -> Edge:
    start, end = SPOTS[edge[0]], SPOTS[edge[1]]
    below = start.y + _TALL
    if edge == ("SessionExist", "RedirectToFrontpage"):
        at, side = end.y + _TALL // 2, end.x - _BOX // 2
        way = f"M{start.x - _BOX // 2} {start.y + _TALL // 2}H{_OUTER}V{at}H{side - 7}"
        return Edge(way, f"{side},{at} {side - 8},{at - 5} {side - 8},{at + 5}", lit)
    if edge == ("CallUniloginLogout", "DestroySession"):
        at, side = end.y + _TALL // 2, end.x - _BOX // 2
        way = f"M{start.x} {below}V{at}H{side - 7}"
        return Edge(way, f"{side},{at} {side - 8},{at - 5} {side - 8},{at + 5}", lit)
    half = below + (_ROW - _TALL) // 2
    turn = f"V{half}H{end.x}" if start.x != end.x else ""
    tip = f"{end.x},{end.y} {end.x - 5},{end.y - 8} {end.x + 5},{end.y - 8}"
    return Edge(f"M{start.x} {below}{turn}V{end.y - 7}", tip, lit)

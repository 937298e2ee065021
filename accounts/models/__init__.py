"""The tables of the ground floor: people, their ways in, their sessions, and what happened."""

from accounts.models.events import Event, OutboxItem
from accounts.models.sessions import (
    EndedEntry,
    Farewell,
    SpentLogoutToken,
    StoredSession,
    StoredTokens,
)
from accounts.models.sources import Identity, Source
from accounts.models.users import User

__all__ = [
    "EndedEntry",
    "Event",
    "Farewell",
    "Identity",
    "OutboxItem",
    "Source",
    "SpentLogoutToken",
    "StoredSession",
    "StoredTokens",
    "User",
]

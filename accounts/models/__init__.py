"""The tables of the ground floor: people, their ways in and factors, their sessions, and what
happened.
"""

from accounts.models.devices import KnownDevice
from accounts.models.events import Event, OutboxItem
from accounts.models.factors import FactorDuty, PendingSignIn, RecoveryCode, TotpKey
from accounts.models.passkeys import Passkey, SpentChallenge
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
    "FactorDuty",
    "Farewell",
    "Identity",
    "KnownDevice",
    "OutboxItem",
    "Passkey",
    "PendingSignIn",
    "RecoveryCode",
    "Source",
    "SpentChallenge",
    "SpentLogoutToken",
    "StoredSession",
    "StoredTokens",
    "TotpKey",
    "User",
]

"""DRF's permissions in the words of `accounts.access`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import access
from accounts.session import Session


class SignedIn(BasePermission):
    """Lets in whoever is signed in. Subclass and name `types` or `groups` to be stricter.

    Raises `LoginRequired` or `AccessDenied`, which become 401 and 403 with the RFC's code.
    """

    types: Collection[str] = ()
    groups: Collection[str] = ()

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise why not."""
        session = request.auth if isinstance(request.auth, Session) else Session()
        access.require(session, types=self.types, groups=self.groups)
        return True

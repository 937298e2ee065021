"""The one authentication backend: there is no side door round the typed session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.models import User


class TypedSessionBackend(ModelBackend):
    """Answers who a session's person is and what they may do; signs nobody in."""

    def authenticate(self, request: Any, **credentials: Any) -> None:  # type: ignore[override]
        """Return None: people come in by `accounts.login.sign_in` only."""

    def get_user(self, user_id: Any) -> User | None:
        """Return the person unless disabled. Django then compares the epoch in the session hash."""
        user = User.objects.filter(pk=user_id).first()
        return user if user and user.status != User.Status.DISABLED else None

"""The only authentication backend: every sign-in makes a typed session."""

from typing import Any

from django.contrib.auth.backends import ModelBackend

from accounts.models import User


class TypedSessionBackend(ModelBackend):
    """Returns the person of a session and their permissions; authenticates nobody."""

    def authenticate(self, request: Any, **credentials: Any) -> None:  # type: ignore[override]
        """Return None: `accounts.login.sign_in` is the only way in."""

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Return what the person may do; nothing in a session without an administrator's rights."""
        return set() if user_obj.is_confined else super().get_all_permissions(user_obj, obj)

    def get_user(self, user_id: Any) -> User | None:
        """Return the person unless disabled. Django then compares the epoch in the session hash."""
        user = User.objects.filter(pk=user_id).first()
        return user if user and user.status != User.Status.DISABLED else None

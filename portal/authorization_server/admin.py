"""Clients and what was issued to them, for administrators. The values of tokens are never shown."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from oauth2_provider.models import revoke_access_token

from portal.authorization_server.models import DeviceGrant, RefreshToken


class ClientAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Clients. A secret is stored as a hash, so it is typed here and never shown again."""

    list_display = ("name", "client_id", "client_type", "authorization_grant_type", "created")
    search_fields = ("name", "client_id")
    ordering = ("name",)
    actions = ("delete_selected",)
    fields = (
        "name", "client_id", "client_type", "authorization_grant_type", "redirect_uris",
        "post_logout_redirect_uris", "allowed_origins", "algorithm", "skip_authorization",
    )  # fmt: skip


class IssuedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What was issued: a list to read and search. Nothing is made or changed by hand."""

    list_display: Any = ("pk", "user", "application", "scope", "created", "expires")
    list_select_related: ClassVar[Any] = ("user", "application")
    list_display_links = None
    search_fields: ClassVar[Any] = ("user__username", "user__name", "application__client_id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False


class GrantAdmin(IssuedAdmin):
    """Authorization codes, without their values."""


class TokenAdmin(IssuedAdmin):
    """Access and refresh tokens, without their values, to look at and to revoke."""

    list_display = ("pk", "user", "application", "session", "created")
    list_select_related = ("user", "application", "session")
    search_fields = (*IssuedAdmin.search_fields, "=session__uid")
    actions = ("revoke",)

    @admin.action(description=_("Revoke the selected tokens"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Revoke tokens together with their twins, and say how many."""
        for token in queryset:
            self._revoke(token)
        count = len(queryset)
        said = ngettext("%d token was revoked.", "%d tokens were revoked.", count) % count
        self.message_user(request, said)

    @staticmethod
    def _revoke(token: Any) -> None:
        if isinstance(token, RefreshToken):
            RefreshToken.revoke_family(token.token_family)
        else:
            revoke_access_token(token)


@admin.register(DeviceGrant)
class DeviceGrantAdmin(IssuedAdmin):
    """Devices that wait, without their codes."""

    list_display = ("pk", "user", "client_id", "scope", "status", "expires")
    list_select_related = ("user",)
    search_fields: ClassVar[Any] = ("user__username", "user__name", "client_id")

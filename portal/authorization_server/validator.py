"""The toolkit's validator, with the session carried from each thing issued to the next.

Whoever issues something for a person names the session by `session_uid` on the toolkit's request;
from then on a code's session passes to its tokens, and a refresh token's to those that follow it.
"""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2.rfc6749.errors import InvalidRequestError

from accounts import conf
from accounts.errors import ProtocolError
from portal.authorization_server.models import AccessToken, Grant, RefreshToken
from portal.tokens import bearer


class SessionValidator(OAuth2Validator):
    """Ties what is issued to a session, and keeps the limits of its life."""

    def _load_access_token(self, token: str) -> Any:
        """Return the row of an access token whose session and person still stand, else None."""
        try:
            row = bearer.row_of(token)
            bearer.standing(row.session)
        except ProtocolError:
            return None
        return row

    def validate_code(
        self, client_id: Any, code: Any, client: Any, request: Any, **kw: Any
    ) -> bool:
        """Check a code, and pass its session on."""
        if not super().validate_code(client_id, code, client, request, **kw):
            return False
        held = Grant.objects.filter(code=code, application=client)
        request.session_uid = held.values_list("session_id", flat=True).first()
        return request.session_uid is not None

    def validate_refresh_token(
        self, refresh_token: Any, client: Any, request: Any, **kw: Any
    ) -> bool:
        """Check a refresh token and the age of its family, and pass its session on."""
        if not super().validate_refresh_token(refresh_token, client, request, **kw):
            return False
        held = request.refresh_token_instance
        request.session_uid = held.session_id
        return bool(held.family_began_at + conf.client_absolute() > timezone.now())

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **kw: Any) -> None:
        """Promise no more than the session has left."""
        ends = getattr(request, "session_ends_at", None)
        if ends:
            left = max(1, int((ends - timezone.now()).total_seconds()))
            token["expires_in"] = min(token["expires_in"], left)
        super()._save_bearer_token(token, request, *args, **kw)

    def _create_authorization_code(self, request: Any, code: Any, expires: Any = None) -> Grant:
        """Keep a code with the session that approved it (RFC 6749, 4.1.2; RFC 7636, 4.4)."""
        if request.code_challenge_method != "S256":
            raise InvalidRequestError(description="Use S256 (RFC 9700, 2.1.1).", request=request)
        life = timedelta(seconds=oauth2_settings.AUTHORIZATION_CODE_EXPIRE_SECONDS)
        return Grant.objects.create(
            application=request.client,
            user=request.user,
            session_id=request.session_uid,
            code=code["code"],
            expires=expires or timezone.now() + life,
            redirect_uri=request.redirect_uri,
            scope=" ".join(request.scopes),
            code_challenge=request.code_challenge,
            code_challenge_method=request.code_challenge_method,
            nonce=request.nonce or "",
            claims=json.dumps(request.claims or {}),
            resource=getattr(request, "resource", []),
        )

    def _create_access_token(
        self, expires: datetime, request: Any, token: Any, source_refresh_token: Any = None
    ) -> AccessToken:
        """Keep an access token with its session; only a client without a person has none."""
        id_token = token.get("id_token")
        row = AccessToken(
            user=request.user,
            application=request.client,
            session_id=request.session_uid if request.user else None,
            scope=token["scope"],
            expires=expires,
            id_token=self._load_id_token(id_token) if id_token else None,
            source_refresh_token=source_refresh_token,
            resource=getattr(request, "resource", []),
        )
        self._set_token_value(row, token["access_token"])
        row.save(force_insert=True)
        return row

    def _create_refresh_token(
        self, request: Any, text: str, access_token: Any, previous: RefreshToken | None
    ) -> RefreshToken:
        """Keep a refresh token with its session, in the family of the one before it."""
        row = RefreshToken(
            user=request.user,
            application=request.client,
            session_id=request.session_uid,
            access_token=access_token,
            token_family=previous.token_family if previous else uuid.uuid4(),
            family_began_at=previous.family_began_at if previous else timezone.now(),
            began_by=previous.began_by if previous else getattr(request, "began_by", ""),
            acr_values=previous.acr_values if previous else getattr(request, "acr_words", None),
            scope=previous.scope if previous else " ".join(request.scopes),
            resource=previous.resource if previous else getattr(request, "granted_resource", []),
        )
        self._set_token_value(row, text)
        row.save(force_insert=True)
        return row

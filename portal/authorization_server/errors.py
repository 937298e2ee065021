"""The errors of the authorization server: one class for each code that a specification names."""

from accounts.errors import InvalidRequest, ProtocolError


class InvalidClient(ProtocolError):
    """`invalid_client` (RFC 6749, 5.2): unknown, or not who it says."""

    error = "invalid_client"
    status = 401

    def __init__(self) -> None:
        super().__init__("The client is not known, or could not prove who it is.")


class NoWayBack(InvalidRequest):
    """`invalid_request` of which the client must not be told: the client or its redirect URI is not
    known (RFC 6749, 4.1.2.1). A person sees a page.
    """


class UnauthorizedClient(ProtocolError):
    """`unauthorized_client` (RFC 6749, 4.1.2.1 and 5.2): not of this kind of client."""

    error = "unauthorized_client"
    status = 400


class UnsupportedGrantType(ProtocolError):
    """`unsupported_grant_type` (RFC 6749, 5.2)."""

    error = "unsupported_grant_type"
    status = 400


class UnsupportedResponseType(ProtocolError):
    """`unsupported_response_type` (RFC 6749, 4.1.2.1): only `code` is."""

    error = "unsupported_response_type"
    status = 400


class InvalidScope(ProtocolError):
    """`invalid_scope` (RFC 6749, 4.1.2.1 and 5.2): unknown, or more than the client may have."""

    error = "invalid_scope"
    status = 400


class InvalidTarget(ProtocolError):
    """`invalid_target` (RFC 8707, 2): no resource that a token can be for."""

    error = "invalid_target"
    status = 400


class ConsentRequired(ProtocolError):
    """`consent_required` (OIDC Core, 3.1.2.6): the person must be asked, and may not be."""

    error = "consent_required"
    status = 403


class UnmetAuthenticationRequirements(ProtocolError):
    """`unmet_authentication_requirements`: no sign-in of the `acr` that the client insists on (OIDC
    Core Unmet Authentication Requirements 1.0).
    """

    error = "unmet_authentication_requirements"
    status = 403


class RequestNotSupported(ProtocolError):
    """`request_not_supported` (OIDC Core, 3.1.2.6): request objects are not taken."""

    error = "request_not_supported"
    status = 400


class RequestUriNotSupported(ProtocolError):
    """`request_uri_not_supported` (OIDC Core, 3.1.2.6): only one that was pushed here is."""

    error = "request_uri_not_supported"
    status = 400


class AuthorizationPending(ProtocolError):
    """`authorization_pending` (RFC 8628, 3.5)."""

    error = "authorization_pending"
    status = 400


class SlowDown(ProtocolError):
    """`slow_down` (RFC 8628, 3.5): the interval has grown by five seconds."""

    error = "slow_down"
    status = 400


class DeviceRefused(ProtocolError):
    """`access_denied` with the status of a token endpoint (RFC 8628, 3.5)."""

    error = "access_denied"
    status = 400


class ExpiredToken(ProtocolError):
    """`expired_token` (RFC 8628, 3.5): the device code was not approved in time."""

    error = "expired_token"
    status = 400

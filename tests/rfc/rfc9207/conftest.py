from tests.rfc.oidc_core.portal import op, portal

__all__ = ["op", "portal"]

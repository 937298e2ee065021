"""The settings of the JSON API: Django REST framework, and its description at `/api/schema/`."""

from typing import Any

FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.api.callers.BearerAuthentication",
        "portal.api.callers.TypedSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.callers.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "portal.api.parsers.JsonParser",
        "portal.api.parsers.FormParser",
        "portal.api.parsers.MultipartParser",
    ],
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "portal.api.exception_handler.answer",
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}


def described(site: str) -> dict[str, Any]:
    """Return `SPECTACULAR_SETTINGS` of the site with this origin."""
    return {
        "TITLE": "Vestibule",
        "DESCRIPTION": "What a front end calls to sign people in, know who they are, and leave.",
        "VERSION": "1",
        "SERVERS": [{"url": site}],
        "OAS_VERSION": "3.1.0",
        "SERVE_INCLUDE_SCHEMA": False,
        "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
        "APPEND_COMPONENTS": {"securitySchemes": {"basic": {"type": "http", "scheme": "basic"}}},
        "POSTPROCESSING_HOOKS": ["portal.api.described.add_health"],
    }

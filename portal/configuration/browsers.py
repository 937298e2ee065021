"""What a browser may do with our pages: the content security policy and the permissions policy."""

from typing import Any

from csp.constants import NONE, SELF

# Features of a machine that no page of ours uses (Permissions Policy, 5).
PERMISSIONS: dict[str, list[str]] = {
    name: []
    for name in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope",
        "magnetometer", "microphone", "midi", "payment", "usb",
    )
}  # fmt: skip


def content_policy(images: list[str]) -> dict[str, Any]:
    """Return the content security policy (CSP 3), with further origins of `images`."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF],
            "style-src": [SELF],
            "img-src": [SELF, "data:", *images],
            "font-src": [SELF],
            "connect-src": [SELF],
            "form-action": [SELF],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
        }
    }

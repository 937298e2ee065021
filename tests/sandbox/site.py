"""The settings of the demo's site: those of the product, and what a site with people never has."""

from portal.settings import *  # noqa: F403
from portal.settings import (
    EMAIL_BACKEND,
    INSTALLED_APPS,
    STORAGES,
    VESTIBULE_INSTITUTION,
    VESTIBULE_TRUSTED_PROXIES,
)

INSTALLED_APPS = ["tests.sandbox", *INSTALLED_APPS]
VESTIBULE_HTTP_PLAIN = True  # as the stand-ins speak
# The web server of the application of files asks from here, and nobody else comes from there.
VESTIBULE_TRUSTED_PROXIES = VESTIBULE_TRUSTED_PROXIES or ["127.0.0.2"]
# As in production: collected by the demo at its start, compressed, and kept by browsers.
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = False
# A house of its own, unless the environment gives it another name.
if VESTIBULE_INSTITUTION["name"] == "Vestibule":
    VESTIBULE_INSTITUTION = {
        **VESTIBULE_INSTITUTION,
        "name": "Sommerby Bibliotek og Borgerservice",
        "colour": VESTIBULE_INSTITUTION["colour"] or "#7a1f3d",
        "support": VESTIBULE_INSTITUTION["support"] or "borgerservice@sommerby.example",
    }
if EMAIL_BACKEND.endswith("console.EmailBackend"):
    EMAIL_BACKEND = "tests.sandbox.mail.Shown"

"""The settings of the demo's site: those of the product, and what a site with people never has."""

from portal.settings import *  # noqa: F403
from portal.settings import EMAIL_BACKEND, INSTALLED_APPS, VESTIBULE_INSTITUTION

INSTALLED_APPS = ["tests.sandbox", *INSTALLED_APPS]
VESTIBULE_HTTP_PLAIN = True  # as the stand-ins speak
# A house of its own, unless the environment gives it another name.
if VESTIBULE_INSTITUTION["name"] == "Vestibule":
    VESTIBULE_INSTITUTION = {
        **VESTIBULE_INSTITUTION,
        "name": "Sommerby Kommune",
        "colour": VESTIBULE_INSTITUTION["colour"] or "#7a1f3d",
    }
if EMAIL_BACKEND.endswith("console.EmailBackend"):
    EMAIL_BACKEND = "tests.sandbox.mail.Framed"

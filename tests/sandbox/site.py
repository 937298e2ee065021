"""The settings of the demo's site: those of the product, and what a site with people never has."""

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS

INSTALLED_APPS = ["tests.sandbox", *INSTALLED_APPS]
VESTIBULE_HTTP_PLAIN = True  # as the stand-ins speak

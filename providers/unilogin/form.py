"""How the settings of Unilogin are shown in the administration."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from accounts.provider.shown import MAIN, PEOPLE, Shown
from providers.oidc.form import SHOWN as OIDC

SHOWN: Mapping[str, Shown] = {
    "client_id": Shown(_("Client id"), _("The name under which the broker knows this site."), MAIN),
    "client_secret": Shown(_("Client secret"), _("The broker gives it with the client id."), MAIN),
    "municipalities": Shown(
        _("Municipalities"), _("Their numbers (kommunenr), one a line: who is let in."), MAIN
    ),
    "ws_user": Shown(_("User of the institution service"), "", MAIN),
    "ws_password": Shown(_("Password of the institution service"), "", MAIN),
    "issuer": Shown(_("Issuer"), _("The broker; another one for trials."), MAIN),
    "test_institutions": Shown(
        _("Test institutions"), _("Let in without a look-up; leave empty in production."), PEOPLE
    ),
    "cache_seconds": Shown(_("Believe the service for seconds")),
    "leeway": OIDC["leeway"],
    "ws_address": Shown(_("Address of the institution service")),
    "ws_action": Shown(_("SOAP action of the institution service")),
    "ws_namespace": Shown(_("SOAP namespace of the institution service")),
    "scope": Shown(_("Scope"), _("What is asked for; openid is needed.")),
    "backchannel_logout": OIDC["backchannel_logout"],
    "frontchannel_logout": OIDC["frontchannel_logout"],
    "inside": OIDC["inside"],
}

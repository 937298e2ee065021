"""How the settings of a library's CMS are shown in the administration."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from accounts.provider.shown import MAIN, PEOPLE, Shown

SHOWN: Mapping[str, Shown] = {
    "cms_url": Shown(
        _("Address of the CMS"), _("Its public origin, such as https://www.library.example."), MAIN
    ),
    "graphql_user": Shown(
        _("GraphQL user"), _("Lets us ask the CMS where its login and logout are."), MAIN
    ),
    "graphql_password": Shown(_("GraphQL password"), "", MAIN),
    "userinfo_url": Shown(
        _("Address of userinfo"), _("Adgangsplatformen's, which identifies a patron."), MAIN
    ),
    "subject_key": Shown(
        _("Key for patrons"),
        _("At least 32 characters: CPR numbers are kept as an HMAC under it."),
        MAIN,
    ),
    "patron_url": Shown(_("Address of the patron"), _("FBS's, which gives name and status."), MAIN),
    "registered_only": Shown(
        _("Only registered patrons"), _("Of this library; needs the address of the patron."), PEOPLE
    ),
    "cookie_name": Shown(_("Name of the CMS's cookie"), _("Empty tries each of Drupal's.")),
    "recheck": Shown(_("Ask again after seconds"), _("0: only when something has changed.")),
    "graphql_path": Shown(_("Path of GraphQL")),
    "login_path": Shown(_("Path of the CMS's login"), _("Without a GraphQL user.")),
    "logout_path": Shown(_("Path of the CMS's logout"), _("Without a GraphQL user.")),
    "path_parameter": Shown(
        _("Parameter of the way back"), _("Says where the CMS sends people afterwards.")
    ),
    "after_login": Shown(_("Path after the login"), _("From there the CMS leads to this site.")),
    "after_logout": Shown(_("Path after the logout"), _("From there the CMS leads to this site.")),
    "inside": Shown(
        _("Inside our own net"), _("Calls may reach addresses that only our net can reach.")
    ),
}  # fmt: skip

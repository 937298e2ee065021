"""How the settings of a directory are shown in the administration."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from accounts.provider.shown import MAIN, PEOPLE, Shown

SHOWN: Mapping[str, Shown] = {
    "servers": Shown(_("Servers"), _("One a line, such as ldaps://directory.example.org."), MAIN),
    "base": Shown(
        _("Base"), _("Under which people are, such as ou=people,dc=example,dc=org."), MAIN
    ),
    "bind_dn": Shown(_("Bind as"), _("Who searches. Empty: nobody in particular."), MAIN),
    "bind_password": Shown(_("Bind password"), "", MAIN),
    "user_filter": Shown(
        _("Filter for people"), _("How the entry of a typed {username} is found."), MAIN
    ),
    "start_tls": Shown(_("Encrypt by StartTLS"), _("Can be off for this machine only."), MAIN),
    "claims": Shown(
        _("Where claims stand"),
        _("A line each, such as email = mail: name, username, email."),
        PEOPLE,
    ),
    "group_attribute": Shown(
        _("Groups in the person's entry"), _("The attribute, such as memberOf."), PEOPLE
    ),
    "group_filter": Shown(
        _("Filter for groups"), _("Instead: a search such as (member={dn})."), PEOPLE
    ),
    "group_base": Shown(_("Base of groups"), _("Under which groups are; empty, that of people.")),
    "group_name": Shown(_("Name of a group"), _("An attribute, or dn.")),
    "nested_groups": Shown(_("Groups of groups"), _("Looks for these as well.")),
    "id_attribute": Shown(_("Attribute of identity"), _("Holds what never changes of an entry.")),
    "public": Shown(
        _("Attributes for front ends"), _("Shown to front ends in the session, one a line.")
    ),
    "icon": Shown(_("Icon")),
    "allowed_groups": Shown(
        _("Only these groups"), _("Lets in only who is in one of them, one a line."), PEOPLE
    ),
    "mail_is_verified": Shown(
        _("E-mail addresses are verified"), _("The directory's owner vouches for them."), PEOPLE
    ),
    "disabled_when": Shown(
        _("Shut out when"), _("A line each: an attribute and the value that shuts out."), PEOPLE
    ),
    "recheck_minutes": Shown(
        _("Ask again after minutes"), _("About those who have a session; 0 is never.")
    ),
    "password_page": Shown(_("Page for a new password"), _("Where people choose another one.")),
    "ca": Shown(_("Certificates"), _("A file in PEM; empty, the system's are trusted.")),
}

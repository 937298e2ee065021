"""How the settings of local passwords are shown in the administration."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from accounts.provider.shown import Shown

SHOWN: Mapping[str, Shown] = {
    "recovery": Shown(
        _("Links for forgotten passwords"), _("People may have one mailed to their address.")
    ),
}

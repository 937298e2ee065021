"""The room that web servers ask about each request of the applications behind them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GatewayConfig(AppConfig):
    """Rules, and the decision that they lead to."""

    name = "portal.gateway"
    label = "gateway"
    verbose_name = _("Gateway")
    clear_expired = "portal.gateway.handover.clear_expired"
    session_ends = "portal.gateway.handover.session_ends"
    short_way = "portal.gateway.short_way.answer"
    at_hand = "portal.gateway.short_way.at_hand"
    leads_to = "portal.gateway.rules.leads_to"
    person_data = "portal.gateway.stored.of_person"
    names_place = "portal.gateway.handover.name_of"

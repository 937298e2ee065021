"""The room that applications and devices speak to: OAuth 2 and OpenID Connect."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuthorizationServerConfig(AppConfig):
    """Clients, and the tokens that they hold."""

    name = "portal.authorization_server"
    label = "authorization_server"
    verbose_name = _("Authorization server")
    sealed = "portal.authorization_server.keys.sealed"
    examines = "portal.authorization_server.keys.examine"
    examines_sources = "portal.authorization_server.elsewhere.examine"
    clear_expired = "portal.authorization_server.keys.clear_all_expired"
    short_way = "portal.authorization_server.short_way.answer"
    people_merge = "portal.authorization_server.consents.hand_over"
    person_data = "portal.authorization_server.consents.held_of"
    session_ends = "portal.authorization_server.backchannel.session_ends"
    applications_of = "portal.authorization_server.consents.told_of"
    names_place = "portal.authorization_server.clients.name_of"
    delivers_notices = "portal.authorization_server.backchannel.deliver"

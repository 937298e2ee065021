"""The site's addresses. docs/contract.md says what each answers; its parts are numbered here."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import path
from django.views.i18n import set_language

from accounts.middleware import leaves, own_renewal, polled
from portal.api import afar, docs_page
from portal.api.json_view import SchemaView
from portal.api.session import DetailsView, SessionView, UpstreamTokenView
from portal.api.sources import ProvidersView, SourcesView
from portal.api.tokens import HandOverView, LoginView, LogoutView, RefreshView
from portal.authorization_server import (
    apps_page,
    authorize,
    device_pages,
    devices,
    discovery,
    introspect,
    logout,
    pushed,
    qr,
    token,
    userinfo,
    webfinger,
)
from portal.door.late_forms import counts_late
from portal.factors import account_page, step_page
from portal.gateway import app_passwords_page, arrival
from portal.gateway.middleware import check
from portal.operations import health, letmein_page
from portal.operations.doctor import mirror
from portal.operations.metrics import page
from portal.pages import (
    account,
    brand,
    data,
    framed,
    front,
    icons,
    login,
    openid,
    passwords,
    staying,
)
from portal.pages import devices as known_devices
from portal.passkeys import account_page as passkeys_page
from portal.passkeys import signing

urlpatterns = [
    # What is asked most often, as each is looked for from the first on.
    path("auth/session", polled(SessionView.as_view()), name="auth-session"),
    path("auth/callback/<slug:slug>", login.callback, name="auth-callback"),
    path("auth/login/<slug:slug>", login.start, name="auth-login"),
    # What a person sees (1), and a browser on its way to MapStore (2).
    path("", front.front, name="front"),
    path("login", login.choose, name="login"),
    path("login/failed/<str:code>", login.failed, name="login-failed"),
    path("login/forgotten", passwords.forgotten, name="password-forgotten"),
    path("login/forgotten/sent", passwords.sent, name="password-sent"),
    path("login/reset/<str:uidb64>/<str:token>", passwords.reset, name="password-reset"),
    path("login/letmein/<str:token>", letmein_page.letmein, name="letmein"),
    path("login/passkey", signing.sign_in, name="passkey-sign-in"),
    path("login/passkey/options", signing.options, name="passkey-options"),
    path("login/second", step_page.step, name="login-second"),
    path("openid/<slug:slug>/login", openid.login, name="openid-login"),
    path("openid/<slug:slug>/callback", openid.callback, name="openid-callback"),
    path("logout/", front.formerly, name="logout-formerly"),
    path("auth/logout", front.leave, name="auth-logout"),
    path("auth/logout/again", front.leave_again, name="auth-logout-again"),
    path("auth/logout/cms", front.left_elsewhere, name="auth-logout-cms"),
    path("auth/logout/done", front.done, name="auth-logout-done"),
    path("auth/logout/idle", staying.idle, name="auth-logout-idle"),
    path("auth/logout/ended", staying.ended, name="auth-logout-ended"),
    path("auth/ends", staying.ends, name="auth-ends"),
    path("account/stay", staying.stay, name="account-stay"),
    path("auth/frontchannel/<slug:slug>", framed.frontchannel, name="auth-frontchannel"),
    path("onward/<str:key>", front.go_on, name="onward"),
    path("account/", account.profile, name="account"),
    path("account/sessions", account.sessions, name="account-sessions"),
    path("account/devices", known_devices.page, name="account-devices"),
    path("account/sign-ins", account.sign_ins, name="account-sign-ins"),
    path("account/data", data.data, name="account-data"),
    path("account/data/export", data.export, name="account-export"),
    path("account/data/delete", data.delete, name="account-delete"),
    path("account/apps", apps_page.apps, name="account-apps"),
    path("account/app-passwords", app_passwords_page.page, name="account-app-passwords"),
    path("account/passkeys", passkeys_page.page, name="account-passkeys"),
    path("account/second-factor", account_page.page, name="second-factor"),
    path("account/second-factor/codes", account_page.recovery_codes, name="recovery-codes"),
    path("account/password", passwords.change, name="password-change"),
    path("icon.svg", icons.icon, name="icon"),
    path("favicon.ico", icons.formerly, name="icon-formerly"),
    path("apple-touch-icon.png", icons.touch_icon, name="touch-icon"),
    path("robots.txt", icons.robots, name="robots"),
    path(".well-known/change-password", icons.change_password, name="change-password"),
    path(".well-known/passkey-endpoints", signing.endpoints, name="passkey-endpoints"),
    path("institution.css", brand.stylesheet, name="institution-stylesheet"),
    # What a front end calls (1, 2 and 5), and the description of it.
    path("auth/sources", SourcesView.as_view(), name="auth-sources"),
    path("auth/backchannel/<slug:slug>", afar.backchannel, name="auth-backchannel"),
    path("auth/upstream-token", UpstreamTokenView.as_view(), name="upstream-token"),
    path("session/login", LoginView.as_view(), name="session-login"),
    path("session/refresh", own_renewal(RefreshView.as_view()), name="session-refresh"),
    path("session/refreshToken", own_renewal(RefreshView.as_view()), name="session-refresh-token"),
    path("session/logout", leaves(LogoutView.as_view()), name="session-logout"),
    path("users/user/details", DetailsView.as_view(), name="user-details"),
    path("openid/providers", ProvidersView.as_view(), name="openid-providers"),
    path("openid/<str:slug>/tokens", HandOverView.as_view(), name="openid-tokens"),
    path("docs", docs_page.docs, name="docs"),
    path("docs/try", docs_page.try_out, name="docs-try"),
    path("api/schema/", login_not_required(SchemaView.as_view()), name="schema"),
    # What applications and devices speak (3 and 4).
    path("oauth/authorize", authorize.authorize, name="oauth-authorize"),
    path("oauth/consent", authorize.decide, name="oauth-consent"),
    path("oauth/par", pushed.push, name="oauth-par"),
    path("oauth/token", token.token, name="oauth-token"),
    path("oauth/userinfo", userinfo.userinfo, name="oauth-userinfo"),
    path("oauth/introspect", introspect.introspect, name="oauth-introspect"),
    path("oauth/revoke", introspect.revoke, name="oauth-revoke"),
    path("oauth/jwks", discovery.jwks, name="oauth-jwks"),
    path("oauth/logout", logout.logout, name="oauth-logout"),
    path("oauth/after-logout", logout.done, name="oauth-logout-done"),
    path("oauth/device_authorization", devices.device_authorization, name="oauth-device"),
    path("device", device_pages.device, name="device"),
    path("device/allowed", device_pages.allowed, name="device-allowed"),
    path("device/denied", device_pages.denied, name="device-denied"),
    path("device/qr/<str:user_code>.svg", qr.qr, name="device-qr"),
    path(".well-known/openid-configuration", discovery.metadata, name="openid-configuration"),
    path(".well-known/oauth-authorization-server", discovery.metadata, name="oauth-metadata"),
    path(
        ".well-known/oauth-protected-resource",
        discovery.protected_resource,
        name="resource-metadata",
    ),
    path(".well-known/webfinger", webfinger.webfinger, name="webfinger"),
    # What web servers ask (4); the middleware of the gateway answers before the others.
    path("gateway/check", check, name="gateway-check"),
    path("gateway/start", arrival.start, name="gateway-start"),
    path(".vestibule/start", arrival.local_start, name="gateway-local-start"),
    path(".vestibule/accept", arrival.local_accept, name="gateway-local-accept"),
    # What operators and their machines ask (7).
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("doctor", mirror.doctor, name="doctor"),
    path("metrics", page.metrics, name="metrics"),
    path("i18n/setlang/", counts_late(login_not_required(set_language)), name="set_language"),
    path("admin/", admin.site.urls),
]

handler400 = "portal.pages.error_pages.bad_request"
handler403 = "portal.pages.error_pages.permission_denied"
handler404 = "portal.pages.error_pages.not_found"
handler500 = "portal.pages.error_pages.server_error"

"""What a person sees (docs/contract.md 1), and a browser on its way to MapStore (2)."""

from django.urls import path

from portal.pages import account, brand, front, login, openid, passwords

urlpatterns = [
    path("", front.front, name="front"),
    path("login", login.choose, name="login"),
    path("login/failed/<str:code>", login.failed, name="login-failed"),
    path("login/forgotten", passwords.forgotten, name="password-forgotten"),
    path("login/forgotten/sent", passwords.sent, name="password-sent"),
    path("login/reset/<str:uidb64>/<str:token>", passwords.reset, name="password-reset"),
    path("auth/login/<slug:slug>", login.start, name="auth-login"),
    path("auth/callback/<slug:slug>", login.callback, name="auth-callback"),
    path("openid/<slug:slug>/login", openid.login, name="openid-login"),
    path("openid/<slug:slug>/callback", openid.callback, name="openid-callback"),
    path("logout/", front.formerly, name="logout-formerly"),
    path("auth/logout", front.leave, name="auth-logout"),
    path("auth/logout/cms", front.left_elsewhere, name="auth-logout-cms"),
    path("auth/logout/done", front.done, name="auth-logout-done"),
    path("account/", account.profile, name="account"),
    path("account/sessions", account.sessions, name="account-sessions"),
    path("account/sign-ins", account.sign_ins, name="account-sign-ins"),
    path("account/password", passwords.change, name="password-change"),
    path("favicon.ico", front.icon, name="icon"),
    path("institution.css", brand.stylesheet, name="institution-stylesheet"),
]

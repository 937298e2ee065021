"""The settings of Vestibule, read from the environment from top to bottom.

Nothing set means embedded: SQLite, in-memory cache, mail on the console, generated keys, one
worker process. `VESTIBULE_ENV=production` turns each missing secret and each insecure choice into
an error at start (portal/operations/checks.py). docs/configuration.md lists every variable.
"""

import logging
import os
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from corsheaders.defaults import default_headers
from django.utils.translation import gettext_lazy as _

from portal.configuration import addresses, api, browsers, logs, mail, oauth, stores, wheels
from portal.configuration.env import (
    PORTAL,
    data_directory,
    day,
    env,
    former_keys,
    generated_keys,
    given_names,
    is_production,
    known_names,
    listed,
    networks,
    one_of,
    secret,
    time_zone,
)
from portal.configuration.numbers import lasting, seconds, whole

# --- What kind of installation this is ----------------------------------------------------------

VESTIBULE_PRODUCTION = is_production()
DEBUG = False
DATA_DIR = data_directory()
DATABASE_URL = secret("DATABASE_URL")
VESTIBULE_SQLITE = env.bool("VESTIBULE_SQLITE", default=False)
VESTIBULE_GIVEN = given_names()
VESTIBULE_KNOWN = known_names
REDIS_URL = stores.redis(secret("REDIS_URL"))

# --- Where it stands: everything that leaves the site is built from these, never from a request ---

VESTIBULE_SITE_URL = addresses.origin(
    "VESTIBULE_SITE_URL", env.str("VESTIBULE_SITE_URL", default="http://localhost:8000")
)
_site = urlsplit(VESTIBULE_SITE_URL)
_host, _https = _site.hostname or "", _site.scheme == "https"
ALLOWED_HOSTS = [
    addresses.host("VESTIBULE_SITE_URL", VESTIBULE_SITE_URL),
    *addresses.hosts("VESTIBULE_ALLOWED_HOSTS", env.str("VESTIBULE_ALLOWED_HOSTS", default="")),
]
VESTIBULE_FRONTEND_ORIGINS = addresses.origins(
    "VESTIBULE_FRONTEND_ORIGINS", env.str("VESTIBULE_FRONTEND_ORIGINS", default="")
)
VESTIBULE_FRONTPAGE_URL = addresses.page(
    "VESTIBULE_FRONTPAGE_URL", env.str("VESTIBULE_FRONTPAGE_URL", default="")
)
VESTIBULE_TRUSTED_PROXIES = listed(env.str("VESTIBULE_TRUSTED_PROXIES", default=""))
networks("VESTIBULE_TRUSTED_PROXIES", VESTIBULE_TRUSTED_PROXIES)  # or it is refused here
ROOT_URLCONF = "portal.urls"

# --- Secrets ------------------------------------------------------------------------------------

_generated = {} if VESTIBULE_PRODUCTION else generated_keys(DATA_DIR)
VESTIBULE_SECRET_KEY_IS_GIVEN = bool(secret("VESTIBULE_SECRET_KEY"))
VESTIBULE_VAULT_KEYS_ARE_GIVEN = bool(secret("VESTIBULE_VAULT_KEYS"))
# Without one Django raises before a check can say so; a short one of the moment is E010.
SECRET_KEY = (
    secret("VESTIBULE_SECRET_KEY") or _generated.get("secret_key") or secrets.token_urlsafe(16)
)
SECRET_KEY_FALLBACKS = former_keys(
    secret("VESTIBULE_SECRET_KEY_FALLBACKS") or _generated.get("secret_key_fallbacks", "")
)
VESTIBULE_VAULT_KEYS = listed(secret("VESTIBULE_VAULT_KEYS") or _generated.get("vault_key", ""))

# --- The rooms ----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "portal.operations.apps.VestibuleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "csp",
    "django_structlog",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "providers.local",
    "providers.ldap",
    "providers.oidc",
    "providers.unilogin",
    "providers.adgangsplatformen",
    "portal.pages",
    "portal.passkeys",
    "portal.factors",
    "portal.tokens",
    "portal.authorization_server",
    "oauth2_provider",  # after ours, whose createapplication refuses in its place
    "portal.gateway",
    "portal.operations.apps.OperationsConfig",
]
VESTIBULE_PROVIDER_WHEELS = listed(env.str("VESTIBULE_PROVIDER_WHEELS", default=""))
VESTIBULE_SECRET_ENV = env.str("VESTIBULE_SECRET_ENV", default="VESTIBULE_SOURCE_")
VESTIBULE_SECRET_FILES = env.str("VESTIBULE_SECRET_FILES", default="/run/secrets")

MIDDLEWARE = [
    "portal.gateway.middleware.Gate",
    "portal.middleware.Secure",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.RequestLog",
    "portal.middleware.Uncached",
    "corsheaders.middleware.CorsMiddleware",
    "portal.middleware.ContentPolicy",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "portal.door.shared.NothingStays",
    "portal.door.late_answers.Sessions",
    "django.middleware.locale.LocaleMiddleware",
    "portal.middleware.Slashes",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.door.onward.AfterForm",
    "accounts.middleware.TypedSessionMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PORTAL / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.pages.brand.institution",
            ]
        },
    }
]

# --- Where things are kept ----------------------------------------------------------------------

VESTIBULE_DATABASE_CONNECT = whole("VESTIBULE_DATABASE_CONNECT", default=2, least=2)
VESTIBULE_DATABASE_STATEMENT = seconds("VESTIBULE_DATABASE_STATEMENT", default=10.0)
VESTIBULE_DATABASE_LOCK = seconds("VESTIBULE_DATABASE_LOCK", default=5.0)
VESTIBULE_DATABASE_WAIT = seconds(
    "VESTIBULE_DATABASE_WAIT", default=stores.longest_wait(VESTIBULE_DATABASE_STATEMENT)
)
DATABASES = {
    "default": stores.database(
        DATABASE_URL,
        DATA_DIR,
        connect=VESTIBULE_DATABASE_CONNECT,
        statement=VESTIBULE_DATABASE_STATEMENT,
        lock=VESTIBULE_DATABASE_LOCK,
    )
}
CACHES = stores.caches(REDIS_URL)

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- The typed session (docs/architecture.md 5) ---------------------------------------------------

SESSION_ENGINE = "accounts.session.store"
SESSION_COOKIE_DOMAIN = addresses.cookie_domain(
    "VESTIBULE_COOKIE_DOMAIN", env.str("VESTIBULE_COOKIE_DOMAIN", default=""), _host
)
SESSION_COOKIE_NAME = "__Host-vestibule" if _https and not SESSION_COOKIE_DOMAIN else "vestibule"
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
VESTIBULE_SESSION_IDLE = lasting("VESTIBULE_SESSION_IDLE", default=8 * 3600)
VESTIBULE_SESSION_ABSOLUTE = lasting("VESTIBULE_SESSION_ABSOLUTE", default=7 * 86400)
VESTIBULE_SHARED_NETWORKS = networks(
    "VESTIBULE_SHARED_NETWORKS", listed(env.str("VESTIBULE_SHARED_NETWORKS", default=""))
)
VESTIBULE_SHARED_IDLE = lasting("VESTIBULE_SHARED_IDLE", default=600)
VESTIBULE_SHARED_ABSOLUTE = lasting("VESTIBULE_SHARED_ABSOLUTE", default=1800)
VESTIBULE_FLOW_LIFETIME = lasting("VESTIBULE_FLOW_LIFETIME", default=600)
VESTIBULE_RECENT = lasting("VESTIBULE_RECENT", default=900)
VESTIBULE_STAFF_STRENGTH = one_of(
    "VESTIBULE_STAFF_STRENGTH",
    env.str("VESTIBULE_STAFF_STRENGTH", default=""),
    ("", "low", "substantial", "high"),
)
VESTIBULE_STRENGTHS = listed(env.str("VESTIBULE_STRENGTHS", default=""))
VESTIBULE_EVENTS_KEPT = timedelta(days=whole("VESTIBULE_EVENTS_DAYS", default=180, most=700_000))
VESTIBULE_EVENTS_MOST = whole("VESTIBULE_EVENTS_MOST", default=2_000_000)
VESTIBULE_DORMANT = lasting("VESTIBULE_DORMANT", default=0, least=0)
VESTIBULE_DEFAULT_SOURCE = env.str("VESTIBULE_DEFAULT_SOURCE", default="")

# --- Our tokens (docs/architecture.md 7, RFC 6749, RFC 9700) --------------------------------------

VESTIBULE_ACCESS_LIFETIME = lasting("VESTIBULE_ACCESS_LIFETIME", default=3600)
VESTIBULE_REFRESH_IDLE = lasting("VESTIBULE_REFRESH_IDLE", default=30 * 86400)
VESTIBULE_REFRESH_ABSOLUTE = lasting("VESTIBULE_REFRESH_ABSOLUTE", default=90 * 86400)
VESTIBULE_HANDOVER_LIFETIME = lasting("VESTIBULE_HANDOVER_LIFETIME", default=120)
VESTIBULE_DEVICE_LIFETIME = lasting("VESTIBULE_DEVICE_LIFETIME", default=1800)
VESTIBULE_SIGNING_ALGORITHM = one_of(
    "VESTIBULE_SIGNING_ALGORITHM",
    env.str("VESTIBULE_SIGNING_ALGORITHM", default="RS256"),
    ("RS256", "ES256"),
)
VESTIBULE_DISCOVERY_SOURCE = env.str("VESTIBULE_DISCOVERY_SOURCE", default="")
OAUTH2_PROVIDER_APPLICATION_MODEL = "authorization_server.Client"
OAUTH2_PROVIDER_GRANT_MODEL = "authorization_server.Grant"
OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL = "authorization_server.AccessToken"  # noqa: S105  # a name
OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL = "authorization_server.RefreshToken"  # noqa: S105  # a name
OAUTH2_PROVIDER_ID_TOKEN_MODEL = "authorization_server.IDToken"  # noqa: S105  # a name
OAUTH2_PROVIDER_DEVICE_GRANT_MODEL = "authorization_server.DeviceGrant"
OAUTH2_PROVIDER = oauth.configure(
    VESTIBULE_SITE_URL, VESTIBULE_ACCESS_LIFETIME, VESTIBULE_REFRESH_IDLE
)

# --- The gateway (docs/gateway.md) ----------------------------------------------------------------

VESTIBULE_APP_PASSWORDS = env.bool("VESTIBULE_APP_PASSWORDS", default=False)

# --- Who may enter ------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backend.TypedSessionBackend"]
LOGIN_URL = "/login"
VESTIBULE_STAFF_SECOND_FACTOR = day(
    "VESTIBULE_STAFF_SECOND_FACTOR", env.str("VESTIBULE_STAFF_SECOND_FACTOR", default="")
)
# What Argon2 takes: 32 bits for memory and passes, 24 for lanes of 8 KiB each (RFC 9106, 3.1).
_kib = whole("VESTIBULE_ARGON2_MEMORY_KIB", default=46 * 1024, least=8, most=2**32 - 1)
_lanes = min(_kib // 8, 2**24 - 1)
VESTIBULE_ARGON2 = {
    "memory_cost": _kib,
    "time_cost": whole("VESTIBULE_ARGON2_TIME", default=1, most=2**32 - 1),
    "parallelism": whole("VESTIBULE_ARGON2_PARALLELISM", default=1, most=_lanes),
}
PASSWORD_HASHERS = [
    "providers.local.hashers.Argon2id",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
PASSWORD_RESET_TIMEOUT = whole("VESTIBULE_RESET_LIFETIME", default=3600)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": whole("VESTIBULE_PASSWORD_LENGTH", default=15)},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "providers.local.strength.NotEasilyGuessed",
        "OPTIONS": {"names": [_host, env.str("VESTIBULE_NAME", default="Vestibule")]},
    },
]

# --- Calls to upstreams (accounts/http/) -------------------------------------------------------

VESTIBULE_WORKERS = whole("VESTIBULE_WORKERS", default=1)
VESTIBULE_THREADS = whole("VESTIBULE_THREADS", default=16)
VESTIBULE_FEED_MARK = env.bool("VESTIBULE_FEED_MARK", default=False)
VESTIBULE_FAST_PATH = env.bool("VESTIBULE_FAST_PATH", default=True)
VESTIBULE_HASHES_AT_ONCE = whole(
    "VESTIBULE_HASHES_AT_ONCE",
    default=max(1, len(os.sched_getaffinity(0)) // max(1, VESTIBULE_WORKERS)),
)
VESTIBULE_HTTP_CONNECT = seconds("VESTIBULE_HTTP_CONNECT", default=2.0, least=0.1)
VESTIBULE_HTTP_DEADLINE = seconds("VESTIBULE_HTTP_DEADLINE", default=5.0, least=0.1)
VESTIBULE_HTTP_MAX_BYTES = whole("VESTIBULE_HTTP_MAX_BYTES", default=1024 * 1024)
VESTIBULE_HTTP_PER_UPSTREAM = whole("VESTIBULE_HTTP_PER_UPSTREAM", default=6)
VESTIBULE_HTTP_CA = env.str("VESTIBULE_HTTP_CA", default="")
VESTIBULE_HTTP_PLAIN = env.bool("VESTIBULE_HTTP_PLAIN", default=False)
VESTIBULE_HTTP_INSIDE = env.bool("VESTIBULE_HTTP_INSIDE", default=False)

# --- The institution's face -----------------------------------------------------------------------

VESTIBULE_INSTITUTION = {
    "name": env.str("VESTIBULE_NAME", default="Vestibule"),
    "logo": addresses.address("VESTIBULE_LOGO", env.str("VESTIBULE_LOGO", default="")),
    "colour": env.str("VESTIBULE_COLOUR", default=""),
    "support": env.str("VESTIBULE_SUPPORT", default=""),
    "accessibility": env.str("VESTIBULE_ACCESSIBILITY_URL", default=""),
    "privacy": env.str("VESTIBULE_PRIVACY_URL", default=""),
}

# --- What crosses the site's border ---------------------------------------------------------------

SECURE_HSTS_SECONDS = 365 * 86400 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SECURE_SSL_REDIRECT = _https
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics|doctor)$"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_COOKIE_NAME = "__Host-csrftoken" if _https else "csrftoken"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = VESTIBULE_FRONTEND_ORIGINS
CSRF_FAILURE_VIEW = "portal.pages.error_pages.csrf_failure"
CORS_ALLOWED_ORIGINS = VESTIBULE_FRONTEND_ORIGINS
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = [*default_headers, "if-none-match"]
CORS_EXPOSE_HEADERS = ["X-CSRFToken", "WWW-Authenticate", "Retry-After", "ETag"]
CORS_URLS_REGEX = (
    r"^/(auth/(session|sources|logout|upstream-token)|session/\w+|users/user/details"
    r"|openid/providers|openid/[^/]+/tokens)$"
)
_images = addresses.origins_of(VESTIBULE_INSTITUTION["logo"])
CONTENT_SECURITY_POLICY = browsers.content_policy(_images)
PERMISSIONS_POLICY = browsers.PERMISSIONS
VESTIBULE_BODY_DEADLINE = seconds("VESTIBULE_BODY_DEADLINE", default=10.0, least=0.1)
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = [
    "portal.door.uploads.NotTooLarge",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
]
MESSAGE_STORAGE = "portal.door.said.Said"
SILENCED_SYSTEM_CHECKS: list[str] = [
    "security.W001",  # looks for Django's own middleware, of which ours is a kind
    "admin.E410",  # the admin asks for contrib.sessions, whose table has no use here
]

# --- Mail -----------------------------------------------------------------------------------------

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if _mail := secret("VESTIBULE_MAIL_URL"):
    vars().update(mail.server(_mail))
EMAIL_TIMEOUT = 5
VESTIBULE_NEW_DEVICE_MAIL = env.bool("VESTIBULE_NEW_DEVICE_MAIL", default=bool(_mail))
DEFAULT_FROM_EMAIL = mail.sender(env.str("VESTIBULE_MAIL_FROM", default=""), _host)

# --- Languages and time ---------------------------------------------------------------------------

LANGUAGES = [("da", _("Danish")), ("de", _("German")), ("en", _("English"))]
LANGUAGE_CODE = one_of(
    "VESTIBULE_LANGUAGE",
    env.str("VESTIBULE_LANGUAGE", default="").lower() or "en",
    tuple(code for code, _name in LANGUAGES),
)
LANGUAGE_COOKIE_NAME = "__Host-vestibule-language" if _https else "vestibule-language"
LANGUAGE_COOKIE_SECURE = _https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [PORTAL / "locale", *wheels.catalogs(VESTIBULE_PROVIDER_WHEELS)]
TIME_ZONE = time_zone(
    "VESTIBULE_TIME_ZONE", env.str("VESTIBULE_TIME_ZONE", default="") or "Europe/Copenhagen"
)

# --- Static files, API, logs ---------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [PORTAL / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if VESTIBULE_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not VESTIBULE_PRODUCTION

REST_FRAMEWORK = api.FRAMEWORK
SPECTACULAR_SETTINGS = api.described(VESTIBULE_SITE_URL)

DJANGO_STRUCTLOG_USER_ID_FIELD = ""
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # the line at the end says all of it
VESTIBULE_METRICS_NETWORKS = networks(
    "VESTIBULE_METRICS_NETWORKS", listed(env.str("VESTIBULE_METRICS_NETWORKS", default=""))
)
VESTIBULE_METRICS_TOKEN = secret("VESTIBULE_METRICS_TOKEN")
VESTIBULE_ALARM_MAIL = listed(env.str("VESTIBULE_ALARM_MAIL", default=""))
_webhook = secret("VESTIBULE_ALARM_WEBHOOK")
VESTIBULE_ALARM_WEBHOOK = addresses.called("VESTIBULE_ALARM_WEBHOOK", _webhook)
VESTIBULE_ALARM_AFTER = seconds("VESTIBULE_ALARM_AFTER", default=300.0)
LOGGING = logs.configure(
    level=one_of(
        "VESTIBULE_LOG_LEVEL",
        env.str("VESTIBULE_LOG_LEVEL", default="").upper() or "INFO",
        ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    own=[
        *(SECRET_KEY, *SECRET_KEY_FALLBACKS, *VESTIBULE_VAULT_KEYS, VESTIBULE_METRICS_TOKEN),
        *(str(DATABASES["default"].get("PASSWORD") or ""), vars().get("EMAIL_HOST_PASSWORD", "")),
        *(*stores.redis_passwords(REDIS_URL), urlsplit(VESTIBULE_ALARM_WEBHOOK).path),
    ],
)

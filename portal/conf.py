"""The one place under the roof where Django's settings are read; `accounts.conf` is the other."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from django.conf import settings

from accounts.conf import kept

Network = IPv4Network | IPv6Network


def app_passwords() -> bool:
    """Tell whether people may make app passwords, and programs come in by them."""
    return bool(settings.VESTIBULE_APP_PASSWORDS)


def alarm_after() -> float:
    """Return for how many seconds a source must fail before operators are told."""
    return float(settings.VESTIBULE_ALARM_AFTER)


def alarm_mail() -> tuple[str, ...]:
    """Return the addresses that are told of alarms."""
    return tuple(settings.VESTIBULE_ALARM_MAIL)


def alarm_webhook() -> str:
    """Return the address to which alarms are posted, or nothing."""
    return str(settings.VESTIBULE_ALARM_WEBHOOK)


def body_deadline() -> float:
    """Return how many seconds the body of a request may take to arrive."""
    return float(settings.VESTIBULE_BODY_DEADLINE)


def cookie_domain() -> str:
    """Return the domain for which the session's cookie is set, or nothing for the site's host."""
    return str(settings.SESSION_COOKIE_DOMAIN or "")


@kept
def cookies_are_secure() -> bool:
    """Tell whether cookies are for https only."""
    return bool(settings.SESSION_COOKIE_SECURE)


def data_directory() -> str:
    """Return the folder of the installation's own files."""
    return str(settings.DATA_DIR)


def default_source() -> str:
    """Return the slug of the source that people are sent to without a choice, or nothing."""
    return str(settings.VESTIBULE_DEFAULT_SOURCE)


def device_lifetime() -> timedelta:
    """Return for how long a device waits for its person."""
    life: timedelta = settings.VESTIBULE_DEVICE_LIFETIME
    return life


def discovery_source() -> str:
    """Return the slug of the source whose discovery document is served, or nothing for ours."""
    return str(settings.VESTIBULE_DISCOVERY_SOURCE)


def fast_path() -> bool:
    """Tell whether the front answers what is certain without asking Django."""
    return bool(settings.VESTIBULE_FAST_PATH)


def frontpage_url() -> str:
    """Return the institution's own front page, or nothing."""
    return str(settings.VESTIBULE_FRONTPAGE_URL)


def given_names() -> tuple[str, ...]:
    """Return the names of the variables of the environment that look like ours."""
    return tuple(settings.VESTIBULE_GIVEN)


def handover_lifetime() -> timedelta:
    """Return for how long a front end may fetch what was handed over to it."""
    life: timedelta = settings.VESTIBULE_HANDOVER_LIFETIME
    return life


def institution() -> dict[str, str]:
    """Return the institution's face: name, logo, colour, contact and statements."""
    return dict(settings.VESTIBULE_INSTITUTION)


def known_names(*, in_files: bool = False) -> frozenset[str]:
    """Return the names of the variables of the environment that are read; or of those alone whose
    value may stand in a file.
    """
    names: frozenset[str] = settings.VESTIBULE_KNOWN(in_files=in_files)
    return names


def language() -> str:
    """Return the language of the site, for people whose browser asks for none of its own."""
    return str(settings.LANGUAGE_CODE).partition("-")[0]


def language_cookie() -> str:
    """Return the name of the cookie that keeps a person's language."""
    return str(settings.LANGUAGE_COOKIE_NAME)


def languages() -> tuple[str, ...]:
    """Return the languages that the pages speak."""
    return tuple(code for code, _name in settings.LANGUAGES)


def largest_body() -> int:
    """Return how many bytes of a request's body are read at most."""
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def metrics_are_read() -> bool:
    """Tell whether anybody may read `/metrics`."""
    return bool(metrics_networks() or metrics_token())


def metrics_networks() -> tuple[Network, ...]:
    """Return the networks that may read `/metrics`."""
    return tuple(settings.VESTIBULE_METRICS_NETWORKS)


def metrics_token() -> str:
    """Return the bearer token by which `/metrics` may be read, or nothing."""
    return str(settings.VESTIBULE_METRICS_TOKEN)


def session_cookie() -> str:
    """Return the name of the cookie of the session."""
    return str(settings.SESSION_COOKIE_NAME)


def secret_key() -> str:
    """Return what signs cookies and links."""
    return str(settings.SECRET_KEY)


def secret_keys() -> tuple[str, ...]:
    """Return the key that signs cookies and links, and its former values that still count."""
    return (secret_key(), *settings.SECRET_KEY_FALLBACKS)


def secret_key_fallbacks() -> int:
    """Return how many former values of the key count."""
    return len(settings.SECRET_KEY_FALLBACKS)


def secret_key_is_given() -> bool:
    """Tell whether the environment gives that key, and not the installation itself."""
    return bool(settings.VESTIBULE_SECRET_KEY_IS_GIVEN)


@kept
def shared_networks() -> tuple[Network, ...]:
    """Return the networks whose computers many people share."""
    return tuple(settings.VESTIBULE_SHARED_NETWORKS)


def signing_algorithm() -> str:
    """Return the algorithm by which id_tokens are signed: RS256 or ES256."""
    return str(settings.VESTIBULE_SIGNING_ALGORITHM)


def staff_strength() -> str:
    """Return how strongly whoever enters the administration must have signed in: `low`,
    `substantial` or `high`, or nothing.
    """
    return str(settings.VESTIBULE_STAFF_STRENGTH)


def threads() -> int:
    """Return how many requests one worker process answers at the same time."""
    return int(settings.VESTIBULE_THREADS)


def workers() -> int:
    """Return how many worker processes there are, as the installation says."""
    return int(settings.VESTIBULE_WORKERS)


def trusted_proxies() -> tuple[str, ...]:
    """Return the networks whose word on the client's address counts."""
    return tuple(settings.VESTIBULE_TRUSTED_PROXIES)


def vault_keys_are_given() -> bool:
    """Tell whether the environment gives the keys of the vault, and not the installation itself."""
    return bool(settings.VESTIBULE_VAULT_KEYS_ARE_GIVEN)

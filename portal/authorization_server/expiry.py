"""What is issued goes when its time is over."""

from django.utils import timezone
from oauth2_provider.models import clear_expired as clear_tokens

from accounts.models import clearing
from portal.authorization_server import apart
from portal.authorization_server.models import DeviceGrant, PushedRequest, Spent


def clear_expired() -> int:
    """Delete expired tokens and codes, device codes too, which the toolkit leaves, what was pushed
    and what was spent. The child session of a device that was let in and never came ends with it.

    Returns the number of rows beside the tokens, which also go with their sessions.
    """
    clear_tokens()
    now = timezone.now()
    codes = DeviceGrant.objects.filter(expires__lt=now).order_by("expires")
    apart.end_unfetched(codes)
    over = (
        codes,
        PushedRequest.objects.filter(expires_at__lt=now).order_by("expires_at"),
        Spent.objects.filter(expires_at__lt=now).order_by("expires_at"),
    )
    return sum(clearing.delete(rows) for rows in over)

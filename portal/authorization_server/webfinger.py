"""WebFinger (RFC 7033): which issuer signs people in here (OIDC Discovery 1.0, 2).

It knows no people: whatever is asked about, the answer is the same, so nobody learns who has an
account (docs/threats.md, U03). A host that is not ours gets here only where its web server leads.
"""

import re

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from accounts.errors import InvalidRequest
from portal.authorization_server import elsewhere, wire

ISSUER = "http://openid.net/specs/connect/1.0/issuer"
# A URI (RFC 3986, 3) in the characters that it may have.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")


@wire.endpoint("GET", origins=wire.Origins.ALL, public_for=300)
def webfinger(request: HttpRequest) -> HttpResponseBase:
    """Return the links of `resource`, of those the relations `rel` when it is given (RFC 7033, 4).

    Raises `InvalidRequest` for a resource that is missing, repeated or no URI.
    """
    asked = request.GET.getlist("resource")
    if len(asked) != 1 or len(asked[0]) > wire.LONGEST or not _URI.fullmatch(asked[0]):
        raise InvalidRequest("The parameter resource must be one URI, such as acct:name@host.")
    wanted = request.GET.getlist("rel")
    links = [{"rel": ISSUER, "href": elsewhere.issuer()}]
    found = [link for link in links if not wanted or link["rel"] in wanted]
    body = {"subject": asked[0], "links": found}
    return JsonResponse(body, content_type="application/jrd+json")

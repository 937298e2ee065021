"""The body of a refusal that WebDAV clients read (RFC 4918, 8.7; sabre/dav's elements)."""

from xml.sax.saxutils import escape

CONTENT_TYPE = "application/xml; charset=utf-8"
_CLASSES = {401: "NotAuthenticated", 403: "Forbidden", 429: "TooManyRequests"}


def error(status: int, said: str) -> bytes:
    """Return the document for 401, 403 or 429 with a sentence for people."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">'
        f"<s:exception>Sabre\\DAV\\Exception\\{_CLASSES[status]}</s:exception>"
        f"<s:message>{escape(said)}</s:message></d:error>\n"
    ).encode()

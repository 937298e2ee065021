"""All calls that this site makes to others by HTTP (docs/decisions/0006-http-transport.md).

A `Client` is bound to the name of who calls; its `get` and `post` return an `Answer` or raise
`TemporarilyUnavailable`. Each call is bounded in time, in bytes and in number:

* https only, with verification, by connections that are kept; redirects are answers; no cookie is
  kept, no proxy, `.netrc` or CA bundle is taken from the environment;
* one deadline over the whole call, from the name look-up to the last byte of the body;
* one cap on the body, counted as it arrives and again when it is unpacked;
* at most so many calls in flight to one origin, and a rest for an origin that fails in a row;
* one log line, without query, headers and bodies.

`Client.place` bounds in the same way what is said to an upstream by another protocol,
`addresses_of` the look-up of its name, and `connected` the way to it.
"""

from accounts.http.address import origin_of
from accounts.http.answer import (
    Answer,
    CallFailed,
    RefusedUrl,
    advice_on_certificate,
    in_words,
)
from accounts.http.client import Client, Place
from accounts.http.names import addresses_of
from accounts.http.sockets import connected
from accounts.http.upstreams import Upstreams

__all__ = [
    "Answer",
    "CallFailed",
    "Client",
    "Place",
    "RefusedUrl",
    "Upstreams",
    "addresses_of",
    "advice_on_certificate",
    "connected",
    "in_words",
    "origin_of",
]

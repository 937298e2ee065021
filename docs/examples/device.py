#!/usr/bin/env python3
"""Sign in from a command line by the device grant (RFC 8628), and call the API. Needs Python alone.

    python3 device.py https://login.example.org library-cli

It opens no port and needs no browser on this machine; what it was given it keeps in a file of the
person's own, and renews when it is due. On Windows lock the file by msvcrt.locking.
"""

import fcntl
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
KEPT = Path.home() / ".local" / "state" / "library-cli.json"


def call(url, form=None, token=""):
    """Return the JSON behind an address; what the site refuses comes as its `error`."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return json.load(refused)


def sign_in(known, client_id):
    """Show the code, and poll until the person has decided (RFC 8628, 3.2 to 3.5)."""
    form = {"client_id": client_id, "scope": "openid profile email groups offline_access"}
    device = call(known["device_authorization_endpoint"], form)
    if "error" in device:
        sys.exit(device["error_description"])
    print(f"Open {device['verification_uri']} and type {device['user_code']}, or open at once:")
    print(device["verification_uri_complete"], flush=True)
    form = {"grant_type": GRANT, "device_code": device["device_code"], "client_id": client_id}
    wait = device["interval"]
    while True:
        time.sleep(wait)
        tokens = call(known["token_endpoint"], form)
        if tokens.get("error") not in ("authorization_pending", "slow_down"):
            return tokens
        wait += 5 * (tokens["error"] == "slow_down")


def renew(known, client_id, kept):
    """Return new tokens: by the refresh token that was kept, else by signing in."""
    form = {"grant_type": "refresh_token", "client_id": client_id}
    tokens = call(known["token_endpoint"], {**form, **kept}) if kept else {}
    if "access_token" not in tokens:
        tokens = sign_in(known, client_id)
    return tokens if "access_token" in tokens else sys.exit(tokens["error_description"])


def main(site, client_id, due=False):
    known = call(f"{site}/.well-known/openid-configuration")
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(KEPT, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a refresh token counts once: a second run waits
        kept = json.loads(file.read() or "{}")
        own = kept.get("of") == [site, client_id]  # another server must not see them
        if due or not own or kept["due"] < time.time():
            told = {"refresh_token": kept["refresh_token"]} if own else {}
            kept = {"of": [site, client_id], **renew(known, client_id, told)}
            kept["due"] = time.time() + kept["expires_in"] * 0.9
            file.truncate(file.seek(0))
            json.dump(kept, file)
    person = call(f"{site}/users/user/details", token=kept["access_token"])
    if "error" in person and not due:  # the token was revoked
        main(site, client_id, due=True)
    else:
        print("You are", person["User"]["name"])


if __name__ == "__main__":
    main(*sys.argv[1:3])

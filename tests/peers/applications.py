"""Applications on certified libraries (npm openid-client and oauth4webapi), and their person."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

FOLDER = Path(__file__).parent / "applications"


class Person:
    """Somebody with a browser that runs no script, at the real site."""

    def __init__(self, site: str) -> None:
        self.site, self.http = site, requests.Session()

    def sign_in(self, username: str, password: str, source: str = "local") -> None:
        page = self.http.get(f"{self.site}/login?choose=1")
        fields = {"username": username, "password": password}
        self.send(f"{self.site}/auth/login/{source}", page, fields)

    def visit(self, url: str) -> str:
        """Follow `url` and allow what is asked. Returns where that leads, away from the site."""
        response = self.http.get(url, allow_redirects=False)
        for _step in range(12):
            onward = response.headers.get("Location") or _refresh(response)
            if not onward and 'value="allow"' in response.text:
                response = self._allow(response)
                continue
            if not onward:
                return response.url
            url = urljoin(response.url, onward)
            if not url.startswith(self.site):
                return url
            response = self.http.get(url, allow_redirects=False)
        raise AssertionError(response.text)

    def _allow(self, page: requests.Response) -> requests.Response:
        fields = {"decision": "allow"}
        for name in ("request", "user_code"):
            found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
            fields |= {name: unescape(found[1])} if found else {}
        path = "/device" if "user_code" in fields else "/oauth/consent"
        return self.send(self.site + path, page, fields)

    def send(self, url: str, page: requests.Response, fields: dict[str, str]) -> requests.Response:
        """Post a form of `page`, with its token. Returns the answer."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token, page.text
        data = {**fields, "csrfmiddlewaretoken": token[1]}
        answer = self.http.post(url, data, allow_redirects=False, headers={"Origin": self.site})
        assert answer.status_code < 400, answer.text
        return answer


class Application:
    """One that runs: it says objects, and is told lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def says(self) -> Any:
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@contextmanager
def running(library: str, **variables: str) -> Iterator[Application]:
    """Run the application on `library`, which ends with the block."""
    known = {f"APP_{name.upper()}": value for name, value in variables.items()}
    process = subprocess.Popen(
        ["node", f"{library}.mjs"],
        cwd=FOLDER,
        env={**os.environ, **known},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield Application(process)
    finally:
        process.kill()
        process.communicate()


def _refresh(response: requests.Response) -> str:
    return response.headers.get("Refresh", "").partition("url=")[2]

"""deploy/: what the image's health check and the probes of Kubernetes ask, of a site with https."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.architecture.test_installing import image_lines, pods
from tests.peers.site import Site, environment

NAME = "login.example.org"


def test_they_find_it_well_and_then_gone(site: Callable[..., Site]) -> None:
    own = site({"VESTIBULE_SITE_URL": f"https://{NAME}"})
    command = json.loads(image_lines("HEALTHCHECK")[0].partition("CMD")[2])
    check = [sys.executable, *(word.replace("127.0.0.1:8000", own.url[7:]) for word in command[1:])]
    told = environment({"VESTIBULE_SITE_URL": f"https://{NAME}"})
    assert command[0] == "python"
    assert subprocess.run(check, env=told).returncode == 0

    containers = [each for _, pod in pods() for each in pod["containers"]]
    probes = [each for each in containers if "httpGet" in each.get("livenessProbe", {})]
    asked = probes[0]["livenessProbe"]["httpGet"]
    headers = {header["name"]: header["value"] for header in asked["httpHeaders"]}
    with urlopen(Request(own.url + asked["path"], headers=headers)) as answer:
        assert answer.status == 200
    with pytest.raises(HTTPError) as refused:  # by another name: so the header is needed
        urlopen(own.url + asked["path"])
    assert refused.value.code == 400

    own.stop()
    assert subprocess.run(check, env=told, capture_output=True).returncode == 1

"""The files of deploy/ that install the site: each is sound by the rules of who reads it, names
settings that exist and commands that run, and says the same as docs/configuration.md and the tests.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from django.urls import resolve
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from tests.architecture.test_deploy import PRODUCTION
from tests.architecture.test_wheel import BUILT_FROM
from tests.architecture.tree import ROOT, text
from tests.peers.commands import manage
from tests.peers.site import KEPT_ALIVE, TAKEN, TUNED, environment

DEPLOY = ROOT / "deploy"
SCHEMAS = Path(__file__).parent / "data" / "schemas"
INSTALLED = "/opt/vestibule/bin"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
IMAGE, COMPOSE = DEPLOY / "Dockerfile", DEPLOY / "compose.yaml"
COMMAND = DEPLOY / "systemd" / "vestibule"
FILES = [*UNITS, *MANIFESTS, IMAGE, COMPOSE, COMMAND, DEPLOY / "systemd" / "vestibule.env"]
# The PostgreSQL of each release of Debian.
CLIENTS = {"bookworm": 15, "trixie": 17}
VARIABLE = re.compile(r"\b(?:VESTIBULE_[A-Z_]+[A-Z]|DATABASE_URL(?:_FILE)?|REDIS_URL(?:_FILE)?)\b")


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in MANIFESTS:
        for each in yaml.safe_load_all(path.read_text()):
            yield path, each


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the specification of each pod of the manifests."""
    for _path, each in documents():
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield each["metadata"]["name"], spec["template"]["spec"]


def configured() -> dict[str, Any]:
    return next(each["data"] for _, each in documents() if each["kind"] == "ConfigMap")


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def image_lines(word: str) -> list[str]:
    """Return what stands behind an instruction of the image, its lines put together."""
    whole = IMAGE.read_text().replace("\\\n", " ")
    return [line[len(word) :].strip() for line in whole.splitlines() if line.startswith(f"{word} ")]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield where a command of Vestibule or granian stands, and its words."""
    for path in UNITS:
        for line in re.findall(r"^Exec\w+=(.*)$", path.read_text(), re.M):
            yield path.name, shlex.split(line.replace(f"{INSTALLED}/", ""))
    for name, pod in pods():
        for each in [*pod.get("initContainers", []), *pod["containers"]]:
            yield name, each.get("command", [])
    for name, service in composed()["services"].items():
        yield name, service.get("command", [])
    for line in image_lines("CMD"):
        yield "Dockerfile", json.loads(line)


def spoken() -> list[tuple[str, list[str]]]:
    """Return the commands, those within a shell's words among them."""
    found = []
    for where, words in commands():
        if words[:2] == ["sh", "-c"]:
            parts = re.split(r"[;&|]+", words[2].replace("$VESTIBULE_WORKERS", "4"))
            found += [(where, shlex.split(re.sub(r"\b(exec|do)\b", "", part))) for part in parts]
        else:
            words = without_env(words)[1]
            found.append((where, words[1:] if words[:1] == ["python"] else words))
    return [(where, words) for where, words in found if words]


def without_env(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return what env(1) before a command changes, nothing for what it takes away; and the rest."""
    changed = {}
    if words[:1] == ["/usr/bin/env"]:
        words = words[1:]
        while words[0] == "-u":
            changed[words[1]], words = "", words[2:]
        while "=" in words[0]:
            name, _, value = words[0].partition("=")
            changed[name], words = value, words[1:]
    return changed, words


def test_the_image_is_sound() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", IMAGE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this system has no systemd")
def test_the_units_are_sound(tmp_path: Path) -> None:
    """The commands of an installation stand where systemd finds something to run."""
    own = tmp_path / "bin"
    own.mkdir()
    for name in ("vestibule", "granian", "python"):
        (own / name).symlink_to("/bin/true")
    units = []
    for path in (DEPLOY / "systemd").glob("vestibule*.*"):
        if path.suffix in {".service", ".timer"}:
            units.append(tmp_path / path.name)
            units[-1].write_text(path.read_text().replace(INSTALLED, str(own)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_nobody_looks_for_certificates_where_a_unit_may_not_look(unit: Path) -> None:
    """libpq takes a home that is closed for an error, and is without TLS then."""
    own = unit.read_text()
    assert "\nProtectHome=yes\n" in own
    assert "\nStateDirectory=vestibule\n" in own
    assert "\nEnvironment=HOME=/var/lib/vestibule\n" in own


def test_a_reload_needs_no_secret(tmp_path: Path) -> None:
    """systemd hands its credentials to what a unit starts, and not to what reloads it."""
    unit = text(Path("deploy/systemd/vestibule.service"))
    collects, signals = re.findall(r"^ExecReload=(.*)$", unit, re.M)
    assert signals == "/bin/kill -HUP $MAINPID"
    changed, words = without_env(shlex.split(collects.replace(f"{INSTALLED}/", "")))
    lost = dict.fromkeys(re.findall(r"=(\w+_FILE)=%d", unit), "/run/credentials/lost")
    own = {**told_by("systemd"), **lost, "VESTIBULE_DATA": str(tmp_path), **changed}
    done = manage(words[1:], environment(own))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").exists()


def test_a_command_has_the_settings_the_secrets_and_the_account_of_the_units() -> None:
    unit, own = text(Path("deploy/systemd/vestibule-clean-up.service")), COMMAND.read_text()
    alike = ("User=", "Group=", "StateDirectory", "UMask=", "EnvironmentFile=", "LoadCredential=")
    wanted = {line for line in unit.splitlines() if line.startswith(alike)}
    assert len(wanted) == 12
    assert wanted - {*re.findall(r"--property=(\S+)", own)} == set()
    for name, file in re.findall(r"^Environment=(\w+_FILE)=%d/(\w+)$", unit, re.M):
        assert f'{name}="${{CREDENTIALS_DIRECTORY}}/{file}"' in own
    for each in re.findall(r"^Environment=(\w+=/\S+)$", unit, re.M):
        assert f"--setenv={each} " in own


def test_a_command_gets_its_words_and_where_its_secrets_are(tmp_path: Path) -> None:
    """In the place of systemd, a program that runs what stands behind its options."""
    told = tmp_path / "vestibule"
    told.write_text(COMMAND.read_text().replace("at=/opt/vestibule\n", f"at={tmp_path}\n"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "next").symlink_to(tmp_path)
    programs = {
        "systemd-run": 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"',
        "vestibule": 'printf "%s\\n" "$0" "$@" "$DATABASE_URL_FILE" "$VESTIBULE_MAIL_URL_FILE"',
    }
    for name, body in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    env = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": "/run/own"}
    words = ["letmein", "ada & co", "--note=$HOME"]
    for program, at in ((tmp_path, []), (tmp_path / "next", ["--at", tmp_path / "next"])):
        asked = ["/bin/sh", told, *at, *words]
        done = subprocess.run(asked, env=env, capture_output=True, text=True)
        wanted = [f"{program}/bin/vestibule", *words, "/run/own/database_url", "/run/own/mail_url"]
        assert done.stdout.splitlines() == wanted


def test_the_composition_is_one() -> None:
    schema = json.loads((SCHEMAS / "compose.json").read_text())
    assert [error.message for error in validator_for(schema)(schema).iter_errors(composed())] == []


def test_caddy_finds_the_site_in_the_network_that_is_trusted_and_in_no_other() -> None:
    """Of a service in several networks Docker gives any address, but an alias is of one network."""
    found = composed()
    name = found["services"]["caddy"]["environment"]["SITE_UPSTREAM"].partition(":")[0]
    networks = found["services"]["site"]["networks"]
    named = [each for each, own in networks.items() if name in own.get("aliases", [])]
    assert name not in found["services"]
    (config,) = found["networks"][named[0]]["ipam"]["config"]
    assert len(named) == 1
    trusted = found["x-vestibule"]["environment"]["VESTIBULE_TRUSTED_PROXIES"]
    assert config["subnet"] == trusted


def test_a_command_by_hand_makes_no_tables_before_it_runs() -> None:
    """A backup goes into an empty database, and what an upgrade does is told before it is done."""
    named = set(re.findall(r"run --rm (?:--\S+ \S+ )*(\w+)\s+vestibule", COMPOSE.read_text()))
    assert named == {"command"}
    assert list(composed()["services"]["command"]["depends_on"]) == ["postgres"]


def test_whoever_runs_on_has_a_place_for_its_numbers() -> None:
    """What is told to keep numbers and cannot is an alarm (portal/operations/doctor/disk.py)."""
    for name in ("vestibule-site", "vestibule-deliverer"):
        (own,) = dict(pods())[name]["containers"]
        assert "/srv/vestibule/metrics" in {each["mountPath"] for each in own["volumeMounts"]}


def test_the_composed_place_for_numbers_is_one_for_podman_as_well() -> None:
    """Podman takes no `uid=` for a tmpfs: it is root's, with the mode of the image's folder."""
    (mounted,) = (m for m in composed()["x-vestibule"]["tmpfs"] if m.startswith("/srv/"))
    folder, _, options = mounted.partition(":")
    assert options == "mode=1777"
    assert re.search(rf"--mode 1777 {folder}$", IMAGE.read_text(), re.MULTILINE)


def test_each_manifest_is_of_its_kind() -> None:
    schema = json.loads((SCHEMAS / "kubernetes.json").read_text())
    problems = []
    for path, each in documents():
        own = {**schema, "oneOf": [{"$ref": f"#/$defs/{each['kind']}"}]}
        found = Draft202012Validator(own).iter_errors(each)
        problems += [f"{path.name}: {error.json_path}: {error.message}" for error in found]
    assert not problems


def test_the_schemas_find_a_wrong_word() -> None:
    schema = json.loads((SCHEMAS / "kubernetes.json").read_text())
    site = next(each for _, each in documents() if each["kind"] == "Deployment")
    site["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    own = Draft202012Validator({**schema, "oneOf": [{"$ref": "#/$defs/Deployment"}]})
    assert any("readyProbe" in error.message for error in own.iter_errors(site))
    compose = json.loads((SCHEMAS / "compose.json").read_text())
    wrong = {"services": {"site": {"image": "vestibule", "readonly": True}}}
    assert list(validator_for(compose)(compose).iter_errors(wrong))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_variable_is_documented(path: Path) -> None:
    told = text(Path("docs/configuration.md"))
    named = {name.removesuffix("_FILE") for name in VARIABLE.findall(path.read_text())}
    assert [name for name in sorted(named) if f"`{name}`" not in told] == []


def test_each_command_exists_and_takes_these_words() -> None:
    ours = [(where, words[1:]) for where, words in spoken() if words[0] == "vestibule"]
    assert {words[0] for _, words in ours} >= {
        *("migrate", "deliver_outbox", "clear_expired", "collectstatic"),
    }
    for where, (name, *words) in ours:
        assert name in get_commands(), where
        app = get_commands()[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
        command.create_parser("vestibule", name).parse_args(words)  # exits for a word too many


def test_the_server_is_started_as_the_tests_start_it() -> None:
    told = re.search(r"^    granian (.*?)\n\n", text(Path("docs/configuration.md")), re.M | re.S)
    assert told
    wanted = shlex.split(told[1].replace("\\\n", " "))
    servers = [(where, words[1:]) for where, words in spoken() if words[0] == "granian"]
    assert [where for where, _ in servers] == ["vestibule.service", "Dockerfile"]
    for where, words in servers:
        own = [word for word in words if word not in {"--host", "--port", "8000"}]
        assert [word for word in own if word not in {"127.0.0.1", "0.0.0.0"}] == wanted, where
        assert {*KEPT_ALIVE, *TAKEN} <= {*words}, where


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("deploy/systemd/vestibule.service", "Environment="),
        ("deploy/Dockerfile", "    "),
        ("README.md", "export "),
        ("docs/configuration.md", "`"),
    ],
)
def test_its_environment_is_that_of_the_tests(path: str, before: str) -> None:
    for name, value in TUNED.items():
        assert f"{before}{name}={value}" in text(Path(path))


def test_whoever_ends_a_server_waits_for_longer_than_it_waits_for_its_workers() -> None:
    """Where it can reload, each worker has its turn first: docs/operations.md 9."""
    own = int(KEPT_ALIVE[KEPT_ALIVE.index("--workers-kill-timeout") + 1])
    unit = text(Path("deploy/systemd/vestibule.service"))
    wanted = r" --workers (\d+) .*--respawn-interval (\d+) .*\nTimeoutStopSec=(\d+)\n"
    found = re.search(wanted, unit, re.DOTALL)
    assert found
    workers, interval, waits = map(int, found.groups())
    least = max(own + 1, workers * (interval + 4) + 10)
    assert waits >= least
    assert int(composed()["services"]["site"]["stop_grace_period"].rstrip("s")) >= least
    site = dict(pods())["vestibule-site"]
    paused = int(site["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
    assert site["terminationGracePeriodSeconds"] > own + paused


def test_the_numbers_of_workers_agree() -> None:
    environment = text(Path("deploy/systemd/vestibule.env"))
    unit = text(Path("deploy/systemd/vestibule.service"))
    assert (
        re.search(r"^VESTIBULE_WORKERS=(\d+)$", environment, re.M)[1]
        == (  # type: ignore[index]
            re.search(r"--workers (\d+)", unit)[1]  # type: ignore[index]
        )
    )


def told_by(file: str) -> dict[str, str]:
    """Return what a way to run it tells the site."""
    if file == "kubernetes":
        return dict(configured())
    if file == "compose":
        found = composed()["x-vestibule"]["environment"]
        return {
            name: re.sub(r"\$\{SITE_HOST:.*\}", "login.example.org", v) for name, v in found.items()
        }
    unit, own = text(Path("deploy/systemd/vestibule.service")), {}
    for line in [*text(Path("deploy/systemd/vestibule.env")).splitlines(), *unit.splitlines()]:
        name, _, value = line.removeprefix("Environment=").partition("=")
        if VARIABLE.fullmatch(name):
            own[name] = value
    return own


@pytest.mark.parametrize("file", ["systemd", "compose", "kubernetes"])
def test_production_finds_nothing_to_say(file: str, tmp_path: Path) -> None:
    """The secrets are files, wherever each way puts them."""
    own = {**told_by(file), "VESTIBULE_DATA": str(tmp_path)}
    for name in (
        "VESTIBULE_SECRET_KEY",
        "VESTIBULE_VAULT_KEYS",
        "VESTIBULE_MAIL_URL",
        "DATABASE_URL",
    ):
        assert f"{name}_FILE" in own, name
        (tmp_path / name).write_text(PRODUCTION[name] + "\n")
        own[f"{name}_FILE"] = str(tmp_path / name)
    if "VESTIBULE_METRICS_TOKEN_FILE" in own:
        (tmp_path / "metrics").write_text("a-token-for-prometheus\n")
        own["VESTIBULE_METRICS_TOKEN_FILE"] = str(tmp_path / "metrics")
    if "REDIS_URL_FILE" in own:
        (tmp_path / "redis").write_text("redis+sentinel://:secret@one,two,three/vestibule\n")
        own["REDIS_URL_FILE"] = str(tmp_path / "redis")
    done = manage(["check", "--deploy", "--fail-level", "WARNING"], environment(own))
    assert done.returncode == 0, done.stderr


def test_the_secret_is_made_with_each_key_that_is_read() -> None:
    told = text(Path("deploy/kubernetes/configuration.yaml"))
    folder = "/run/secrets/vestibule/"
    read = {each.removeprefix(folder) for each in configured().values() if folder in each}
    assert read == {*re.findall(r"--from-file=(\w+)", told)}


def test_every_pod_is_closed_and_awaits_nothing_of_its_disk() -> None:
    for name, pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        for each in [*pod.get("initContainers", []), *pod["containers"]]:
            own = each["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"]["drop"] == ["ALL"], name
            assert {mount["name"] for mount in each["volumeMounts"]} <= {
                volume["name"] for volume in pod["volumes"]
            }, name
    for name, service in composed()["services"].items():
        assert service.get("read_only") is True or name == "postgres", name
    assert image_lines("USER")[-1] == "10001"


def test_probes_ask_a_route_that_is_served_by_the_sites_own_name() -> None:
    probes = [
        each[probe]["httpGet"]
        for _, pod in pods()
        for each in pod["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if "httpGet" in each.get(probe, {})
    ]
    assert len(probes) == 3
    for asked in probes:
        assert resolve(asked["path"]).url_name == "healthz"
        named = {header["name"]: header["value"] for header in asked["httpHeaders"]}
        assert configured()["VESTIBULE_SITE_URL"] == f"https://{named['Host']}"


def test_whoever_looks_after_a_deliverer_looks_where_it_shows_that_it_lives(
    tmp_path: Path,
) -> None:
    container = dict(pods())["vestibule-deliverer"]["containers"][0]
    service = composed()["services"]["deliverer"]
    checks = [
        (container["command"], container["livenessProbe"]["exec"]["command"]),
        (service["command"], [w.replace("$$", "$") for w in service["healthcheck"]["test"][1:]]),
    ]
    for command, probe in checks:
        told = command[command.index("--alive") + 1]
        own = tmp_path / "alive"
        asked = [word.replace(told, str(own)) for word in probe]
        assert asked != probe
        own.touch()
        assert subprocess.run(asked).returncode == 0
        hung = time.time() - 3600
        os.utime(own, (hung, hung))
        assert subprocess.run(asked).returncode != 0
        own.unlink()
        assert subprocess.run(asked, stderr=subprocess.DEVNULL).returncode != 0
    unit = text(Path("deploy/systemd/vestibule-deliverer.service"))
    assert "\nWatchdogSec=" in unit


def test_a_backup_of_the_composed_database_can_be_taken_in_the_image() -> None:
    """pg_dump refuses a server that is newer than itself."""
    debian = image_lines("FROM")[-1].rpartition("-")[2]
    served = composed()["services"]["postgres"]["image"].partition(":")[2].partition("-")[0]
    assert CLIENTS[debian] >= int(served)
    assert any("postgresql-client" in line for line in image_lines("RUN"))


def test_the_image_takes_what_the_wheel_is_made_of() -> None:
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = {
        source.removeprefix("./")
        for line in image_lines("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    for name in copied:
        assert (ROOT / name).exists(), name
        assert f"!{name}" in allowed, name
    assert copied - {"requirements.txt"} == {*BUILT_FROM} - {"manage.py", "tests"}

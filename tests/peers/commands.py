"""`manage.py` for a test, in a process of its own, without the second that its libraries take.

    done = manage(["check", "--deploy"], environment({"VESTIBULE_DATA": str(tmp_path)}))
    done.returncode, done.stdout, done.stderr

Another process has imported them, without any setting, and forks for each command. The command
itself, the settings and all of the house are imported anew in the environment that they are given.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# Where the time goes. Of them what the tests have imported is imported, but what needs settings.
LIBRARIES = {
    "OpenSSL", "asgiref", "asyncio", "cbor2", "corsheaders", "cryptography", "csp", "django",
    "django_structlog", "drf_spectacular", "email", "environ", "idna", "jinja2", "jwcrypto", "jwt",
    "ldap3", "limits", "multiprocessing", "oauth2_provider", "oauthlib", "psycopg",
    "psycopg_binary", "pyasn1", "pycurl", "redis", "requests", "rest_framework", "sqlparse",
    "structlog", "tomllib", "urllib3", "webauthn", "whitenoise", "xml", "yaml", "zoneinfo",
}  # fmt: skip
_one_at_a_time = threading.Lock()
_forking: list[subprocess.Popen[bytes]] = []


def manage(
    args: Sequence[str], env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command of the checkout to its end in exactly this environment."""
    with tempfile.TemporaryDirectory() as folder, _one_at_a_time:
        said, told = Path(folder, "out"), Path(folder, "err")
        Path(folder, "in").write_text(stdin)
        mask = os.umask(0o022)
        os.umask(mask)
        asked = {"args": list(args), "env": dict(env), "folder": folder, "umask": mask}
        status = int(_ask(json.dumps(asked)))
        return subprocess.CompletedProcess(args, status, said.read_text(), told.read_text())


def _ask(line: str) -> bytes:
    if not _forking:
        own = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env={
                k: v for k, v in os.environ.items() if not k.startswith(("VESTIBULE_", "DJANGO_"))
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(_end, own)
        _forking.append(own)
        importlib.import_module("portal.urls")  # which needs most of them
        loaded = [name for name in [*sys.modules] if name.split(".")[0] in LIBRARIES]
        _send(own, json.dumps(loaded))
    own = _forking[0]
    _send(own, line)
    assert own.stdout
    answer = own.stdout.readline()
    assert answer, "the process that forks for commands has ended"
    return answer


def _send(own: subprocess.Popen[bytes], line: str) -> None:
    assert own.stdin
    own.stdin.write(line.encode() + b"\n")
    own.stdin.flush()


def _end(own: subprocess.Popen[bytes]) -> None:
    assert own.stdin
    own.stdin.close()
    own.wait()


def _serve() -> bool:
    """Fork for each command that is asked for. Returns True in the process of one, else at the end.

    It reads and writes past `sys.stdin` and `sys.stdout`, which a command finds untouched.
    """
    with open(0, "rb", buffering=0, closefd=False) as asked:
        for name in json.loads(asked.readline()):
            with suppress(Exception):  # it needs settings, or another module first
                importlib.import_module(name)
        gc.disable()  # a command is over before much is left that nobody holds
        gc.freeze()
        while line := asked.readline():
            pid = os.fork()
            if pid == 0:
                _become(json.loads(line))
                return True
            _, status = os.waitpid(pid, 0)
            os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))
    return False


def _become(asked: dict[str, Any]) -> None:
    """Take the streams, the umask, the environment and the arguments of a command."""
    for number, name in enumerate(("in", "out", "err")):
        flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
        own = os.open(Path(asked["folder"], name), flags, 0o600)
        os.dup2(own, number)
        os.close(own)
    os.umask(asked["umask"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["manage.py", *asked["args"]]
    sys.path[1:1] = folders = [*filter(None, asked["env"].get("PYTHONPATH", "").split(os.pathsep))]
    _forget({each.stem for folder in folders for each in Path(folder).iterdir()})


def _forget(names: set[str]) -> None:
    """Have the libraries `names` imported anew: the environment says where they are."""
    for each in [name for name in sys.modules if name.split(".")[0] in names]:
        del sys.modules[each]


def _run() -> None:
    """Run the command, and end as Python does, but frees no object."""
    ended = 1

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended)

    atexit.register(leave)  # before whatever the command registers, so that it comes after that
    try:
        runpy.run_path("manage.py", run_name="__main__")
        ended = 0
    except SystemExit as left:
        ended = left.code if isinstance(left.code, int) else int(left.code is not None)
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)


if __name__ == "__main__" and _serve():
    _run()

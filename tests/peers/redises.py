"""Redis as it is run by the many: with TLS and passwords, behind Sentinels, as a Cluster.

Each group is several servers of one test's own, on free ports of 127.0.0.1; `kill` ends one of them
as a machine that is gone would, without a word.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import redis

from tests.peers.certificates import Certificates, make_certificates
from tests.peers.site import free_port

PATIENCE = 60.0  # seconds until a group must be complete
PASSWORD = "a/pass@word"
WRITTEN = "a%2Fpass%40word"
SERVICE = "vestibule"
SLOTS = 16384


@dataclass
class Group:
    """Servers that belong together. With `tls`, every connection of theirs is encrypted. One that
    says nothing for `silence` milliseconds is gone for the others.
    """

    tls: bool = False
    silence: int = 1000
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="redis-")))
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)
    files: Certificates | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Run it for the block, and leave nothing of it behind."""
        try:
            if self.tls:
                self.files = make_certificates(self.folder, ("localhost", "127.0.0.1"))
            self.start()
            yield self
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
            shutil.rmtree(self.folder)

    def serve(self, port: int, *options: str, mode: tuple[str, ...] = ()) -> None:
        """Start one server with a file of options, and return. It ends with this process."""
        own = self.folder / str(port)
        own.mkdir(exist_ok=True)
        lines = ["bind 127.0.0.1", "protected-mode no", 'save ""', f"dir {own}", *options]
        if self.files is None:
            lines.append(f"port {port}")
        else:
            lines += ["port 0", f"tls-port {port}", "tls-auth-clients no", "tls-replication yes"]
            lines += [f"tls-cert-file {self.files.certificate}", f"tls-key-file {self.files.key}"]
            lines.append(f"tls-ca-cert-file {self.files.authority}")
        (own / "redis.conf").write_text("\n".join(lines) + "\n")
        with (own / "output").open("ab") as log:
            self.processes[port] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "redis-server", str(own / "redis.conf"), *mode],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def client(self, port: int, password: str = PASSWORD) -> redis.Redis:
        """Return a client of one server, for the test to look or to say something."""
        tls: dict[str, Any] = {}
        if self.files is not None:
            tls = {"ssl": True, "ssl_ca_certs": str(self.files.authority)}
        return redis.Redis("127.0.0.1", port, password=password or None, socket_timeout=2, **tls)

    def parameters(self) -> str:
        """Return what an address says of the authority to trust."""
        return f"?ssl_ca_certs={self.files.authority}" if self.files else ""

    def kill(self, port: int) -> None:
        """End one server at once."""
        self.processes[port].kill()
        self.processes[port].wait()

    def freeze(self, port: int) -> None:
        """Stop one server where it is: it takes connections, and never answers."""
        self.processes[port].send_signal(signal.SIGSTOP)


def until(true: Any, seconds: float = PATIENCE) -> None:
    """Return once `true` says so; one that does not answer yet says no."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
            if true():
                return
        assert time.monotonic() < deadline, "the servers do not come to an understanding"
        time.sleep(0.02)


@dataclass
class Alone(Group):
    """One server, which asks for a name and a password."""

    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        scheme = "rediss" if self.tls else "redis"
        return f"{scheme}://site:{WRITTEN}@localhost:{self.port}/3{self.parameters()}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.serve(self.port, f"user site on >{PASSWORD} ~* &* +@all", "user default off")
        until(lambda: redis.Redis.from_url(self.url, socket_timeout=2).ping())


@dataclass
class Moving(Group):
    """A master and its replica behind one address, which `move` gives to the replica."""

    servers: list[int] = field(default_factory=lambda: [free_port(), free_port()])

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'address'}?db=0"

    def start(self) -> None:
        """Start them, and wait until the replica has all that its master has."""
        for port in self.servers:
            self.serve(port, f"unixsocket {self.folder / str(port)}.sock")
        until(lambda: all(self.client(port, "").ping() for port in self.servers))
        self.follow(*self.servers)
        until(lambda: self.client(self.servers[1], "").info()["master_link_status"] == "up")

    def follow(self, master: int, replica: int) -> None:
        """Make one the replica of the other, which gets the address."""
        self.client(master, "").replicaof("NO", "ONE")
        self.client(replica, "").replicaof("127.0.0.1", str(master))
        draft = self.folder / "next"
        draft.symlink_to(f"{master}.sock")
        draft.replace(self.folder / "address")

    def move(self) -> None:
        """Let the replica take over. Connections to the former master stay open."""
        self.servers.reverse()
        self.follow(*self.servers)


@dataclass
class Chosen(Group):
    """A master, a replica, and Sentinels, most of whom must agree that a master is gone.

    `guarded` gives the Sentinels a password of their own. One of them is ready two seconds sooner
    than three, which must hear of each other.
    """

    guarded: bool = False
    servers: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    watchers: int = 3
    sentinels: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        scheme = "rediss+sentinel" if self.tls else "redis+sentinel"
        hosts = ",".join(f"localhost:{port}" for port in self.sentinels)
        words = [self.parameters().strip("?"), "sentinel_password=watch" if self.guarded else ""]
        query = "&".join(filter(None, words))
        return f"{scheme}://:{WRITTEN}@{hosts}/{SERVICE}{'?' if query else ''}{query}"

    def start(self) -> None:
        """Start them, and wait until a Sentinel knows of the replica and of the others."""
        first, second = self.servers
        self.sentinels = [free_port() for _ in range(self.watchers)]
        own = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "repl-diskless-sync-delay 0"]
        self.serve(first, *own)
        self.serve(second, *own, f"replicaof 127.0.0.1 {first}")
        # A Sentinel asks the master for its replicas every ten seconds: those that it has by then.
        until(lambda: self.client(first).info("replication")["connected_slaves"] == 1)
        watch = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {first} {self.watchers // 2 + 1}",
            f"sentinel auth-pass {SERVICE} {PASSWORD}",
            f"sentinel down-after-milliseconds {SERVICE} {self.silence}",
            f"sentinel failover-timeout {SERVICE} 5000",
            *(["requirepass watch", "sentinel sentinel-pass watch"] if self.guarded else []),
        ]
        for port in self.sentinels:
            self.serve(port, *watch, mode=("--sentinel",))
        until(lambda: self.seen() == (1, len(self.sentinels) - 1))

    def seen(self) -> tuple[int, int]:
        """Return how many replicas and how many other Sentinels the last Sentinel knows of."""
        own = self.client(self.sentinels[-1], "watch" if self.guarded else "")
        state = own.sentinel_masters()[SERVICE]
        return state["num-slaves"], state["num-other-sentinels"]

    @property
    def master(self) -> int:
        """The port of the server that the Sentinels call the master."""
        own = self.client(self.sentinels[-1], "watch" if self.guarded else "")
        return int(own.sentinel_get_master_addr_by_name(SERVICE)[1])


@dataclass
class Cluster(Group):
    """Masters that share the slots, each with so many replicas."""

    replicas: int = 0
    ports: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        scheme = "rediss+cluster" if self.tls else "redis+cluster"
        hosts = ",".join(f"localhost:{port}" for port in self.ports)
        return f"{scheme}://:{WRITTEN}@{hosts}{self.parameters()}"

    def start(self) -> None:
        """Start them, tell each of the others, share the slots, and wait until all agree."""
        self.ports = [free_port() for _ in range(3 * (1 + self.replicas))]
        buses = {port: free_port() for port in self.ports}
        own = [f"requirepass {PASSWORD}", f"masterauth {PASSWORD}", "cluster-enabled yes"]
        own += [f"cluster-node-timeout {self.silence}", "repl-diskless-sync-delay 0"]
        own += ["tls-cluster yes"] if self.tls else []
        for port in self.ports:
            self.serve(port, *own, f"cluster-port {buses[port]}")
        until(lambda: all(self.client(port).ping() for port in self.ports))
        first, masters = self.client(self.ports[0]), self.ports[:3]
        for number, port in enumerate(masters):
            ends = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            self.client(port).execute_command("CLUSTER ADDSLOTSRANGE", *ends)
            self.client(port).execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for port in self.ports[1:]:
            first.execute_command("CLUSTER MEET", "127.0.0.1", port, buses[port])
        until(lambda: all(self.known(port) == len(self.ports) for port in self.ports))
        for number, port in enumerate(self.ports[3:]):
            name = self.client(masters[number % 3]).execute_command("CLUSTER MYID")
            self.client(port).execute_command("CLUSTER REPLICATE", name)
        until(lambda: all(self.state(port)["cluster_state"] == "ok" for port in self.ports))
        until(lambda: all(self.follows(port) for port in self.ports[3:]))

    def follows(self, port: int) -> bool:
        """Tell whether a replica has all that its master has."""
        return self.client(port).info("replication")["master_link_status"] == "up"

    def state(self, port: int) -> dict[str, Any]:
        """Return what a node says of the Cluster."""
        lines = self.client(port).execute_command("CLUSTER INFO")
        text = lines.decode() if isinstance(lines, bytes) else lines
        if isinstance(text, dict):
            return text
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def known(self, port: int) -> int:
        """Return of how many nodes a node knows, itself among them."""
        return int(self.state(port)["cluster_known_nodes"])

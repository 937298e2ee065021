"""A mail server that makes its callers wait, in one of three ways, or refuses what it is told."""

from __future__ import annotations

import socketserver
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any, ClassVar

from tests.peers.certificates import Certificates

PATIENCE = b"220-a little patience\r\n"
CHALLENGE = b"<1896.697170952@here>"


class Dripping(socketserver.StreamRequestHandler):
    """Greets for ever, a byte at a time, in lines of which none is the last."""

    calls = 0

    def handle(self) -> None:
        type(self).calls += 1
        with suppress(OSError):
            self.talk()

    def talk(self) -> None:
        for byte in cycle(PATIENCE):
            self.connection.sendall(bytes([byte]))
            time.sleep(0.05)


class Flooding(Dripping):
    """Greets for ever, as fast as it can."""

    def talk(self) -> None:
        while True:
            self.connection.sendall(PATIENCE * 500)


class Parting(Dripping):
    """Takes a mail, and drips when its caller wants to go."""

    taken = 0

    def talk(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"QUIT":
                super().talk()
            elif word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                type(self).taken += 1
            self.wfile.write(b"250 yes\r\n")


class Refusing(Dripping):
    """Answers a line that holds one of `refused` by what stands there, and takes the rest.

    `taken_for` are whom its mails were to, `proofs` what came by AUTH, `offered` what EHLO offers.
    """

    refused: ClassVar[dict[bytes, bytes]] = {}
    offered: ClassVar[bytes] = b"250 here\r\n"
    taken_for: ClassVar[list[bytes]] = []
    proofs: ClassVar[list[bytes]] = []

    def talk(self) -> None:
        self.wfile.write(b"220 here\r\n")
        to = b""
        for line in self.rfile:
            to = line if line.upper().startswith(b"RCPT") else to
            said = next((self.refused[each] for each in self.refused if each in line), b"")
            if line.upper().startswith(b"EHLO"):
                self.wfile.write(self.offered)
            elif line.upper().startswith(b"AUTH"):
                self._prove(line)
            elif line.upper().startswith(b"DATA"):
                self._take(to)
            else:
                self.wfile.write((said or b"250 yes") + b"\r\n")

    def _take(self, to: bytes) -> None:
        self.wfile.write(b"354 go on\r\n")
        lines = list(iter(self.rfile.readline, b".\r\n"))
        said = next((self.refused[each] for each in self.refused if each in b"".join(lines)), b"")
        if not said:
            self.taken_for.append(to)
        self.wfile.write((said or b"250 yes") + b"\r\n")

    def _prove(self, line: bytes) -> None:
        _word, mechanism, *first = line.split()
        if mechanism == b"PLAIN":
            self.proofs.append(b64decode(first[0]))
        elif mechanism == b"LOGIN":
            self.wfile.write(b"334 " + b64encode(b"Password:") + b"\r\n")
            self.proofs.append(b64decode(first[0]) + b" " + b64decode(self.rfile.readline()))
        else:
            self.wfile.write(b"334 " + b64encode(CHALLENGE) + b"\r\n")
            self.proofs.append(b64decode(self.rfile.readline()))
        self.wfile.write(b"235 come in\r\n")


@contextmanager
def serving(talker: type[Dripping], certificates: Certificates | None = None) -> Iterator[Any]:
    """Serve mail on loopback, by TLS with a certificate. Gives the settings that name it."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), talker) as server:
        server.daemon_threads = True
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.certificate, certificates.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield {
            "EMAIL_BACKEND": "portal.configuration.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": server.server_address[1],
            "EMAIL_USE_SSL": certificates is not None,
        }
        server.shutdown()

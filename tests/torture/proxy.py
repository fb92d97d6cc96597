"""A TCP proxy on the loopback that can be told to drop, stall, mute or refuse what wants through it.

Its threads live in the process that makes it. Every method may be called at any time, from one thread.
"""

import contextlib
import socket
import threading

CHUNK = 1 << 16


class Gate:
    """Open or shut; what wants through waits."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()


class Connection:
    """One client and its connection to the server; a thread each way."""

    def __init__(self, client: socket.socket, server: socket.socket):
        self.client, self.server = client, server
        self.gone = False

    def close(self) -> None:
        """Both ends at once; nothing that was held back is sent any more."""
        self.gone = True
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def carry(self, source: socket.socket, sink: socket.socket, gate: Gate) -> None:
        try:
            while data := source.recv(CHUNK):
                gate.open.wait()
                if self.gone:
                    return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            gate.open.wait()  # that the other end has gone is news that a stalled line does not carry either
            self.close()


class Proxy:
    def __init__(self, port: int, server_port: int):
        self.server_port = server_port
        self.requests, self.answers = Gate(), Gate()
        self.refuses = False
        self.connections: set[Connection] = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # closed
                return
            if self.refuses:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port), timeout=10)
            except OSError:  # nobody there: the client sees its connection close, and tries again
                client.close()
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(client, server)
            with self.lock:
                self.connections = {c for c in self.connections if not c.gone} | {connection}
            if self.refuses:  # since it was asked
                connection.close()
                continue
            for source, sink, gate in ((client, server, self.requests), (server, client, self.answers)):
                threading.Thread(target=connection.carry, args=(source, sink, gate), daemon=True).start()

    @contextlib.contextmanager
    def closed(self):
        """Meanwhile nobody comes through: connections there are close, and new ones as if no server were there."""
        self.refuses = True
        self.drop()
        try:
            yield
        finally:
            self.refuses = False

    def drop(self) -> int:
        """Closes every connection there is, and says how many; new ones are taken. What was held back is lost."""
        with self.lock:
            dropped = [c for c in self.connections if not c.gone]
            self.connections = set()
        for connection in dropped:
            connection.close()
        return len(dropped)

    def stall(self) -> None:
        """Until `go_on`: nothing passes; new connections are taken, and hear nothing."""
        self.requests.open.clear()
        self.answers.open.clear()

    def mute(self) -> None:
        """Until `go_on`: requests pass, answers do not."""
        self.answers.open.clear()

    def go_on(self) -> None:
        self.requests.open.set()
        self.answers.open.set()

    def close(self) -> None:
        self.listener.close()
        self.drop()
        self.go_on()

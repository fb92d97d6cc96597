"""The proxy does to a connection what it says, seen from both of its ends."""

import contextlib
import socket
import unittest

import proxy

PATIENCE_S = 30


class Ends(unittest.TestCase):
    """A server that accepts by hand, the proxy before it, and a client."""

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.proxy = proxy.Proxy(0, self.listener.getsockname()[1])
        self.client, self.server = self.connect()

    def tearDown(self):
        self.proxy.close()
        for end in (self.client, self.server, self.listener):
            end.close()

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=PATIENCE_S)
        server, _ = self.listener.accept()
        server.settimeout(PATIENCE_S)
        return client, server

    def passes(self, source, sink, data=b"word"):
        source.sendall(data)
        got = b""
        while len(got) < len(data):
            more = sink.recv(len(data) - len(got))
            self.assertTrue(more, "closed")
            got += more
        self.assertEqual(got, data)

    def held(self, sink):
        """Nothing arrives. A wait that could be shorter than a delay of the machine, and then proves less, not more."""
        sink.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            sink.recv(1)
        sink.settimeout(PATIENCE_S)

    def ended(self, end):
        with contextlib.suppress(ConnectionError):
            self.assertEqual(end.recv(1), b"")

    def test_carries_both_ways(self):
        self.passes(self.client, self.server, b"request" * 50_000)
        self.passes(self.server, self.client, b"answer" * 50_000)

    def test_drop_closes_both_ends_and_takes_new_ones(self):
        self.passes(self.client, self.server)
        self.assertEqual(self.proxy.drop(), 1)
        self.ended(self.client)
        self.ended(self.server)
        client, server = self.connect()
        with client, server:
            self.passes(client, server)

    def test_a_stall_holds_both_ways_and_loses_nothing(self):
        self.passes(self.client, self.server)
        self.proxy.stall()
        self.client.sendall(b"request")
        self.server.sendall(b"answer")
        self.held(self.server)
        self.held(self.client)
        self.proxy.go_on()
        self.assertEqual(self.server.recv(7, socket.MSG_WAITALL), b"request")
        self.assertEqual(self.client.recv(6, socket.MSG_WAITALL), b"answer")

    def test_muted_requests_pass_and_answers_are_lost_with_the_connection(self):
        self.proxy.mute()
        self.passes(self.client, self.server, b"commit")
        self.server.sendall(b"done")
        self.held(self.client)
        self.proxy.drop()
        self.proxy.go_on()
        self.ended(self.client)

    def test_a_client_is_closed_when_the_server_is_away(self):
        self.listener.close()
        with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=PATIENCE_S) as client:
            self.ended(client)

    def test_closed_nobody_comes_through_and_afterwards_everybody(self):
        self.passes(self.client, self.server)
        with self.proxy.closed():
            self.ended(self.client)
            self.ended(self.server)
            with socket.create_connection(("127.0.0.1", self.proxy.port), timeout=PATIENCE_S) as client:
                self.ended(client)
        client, server = self.connect()
        with client, server:
            self.passes(client, server)

    def test_one_end_closing_closes_the_other(self):
        self.client.close()
        self.ended(self.server)


if __name__ == "__main__":
    unittest.main()

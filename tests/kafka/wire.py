"""A few requests of Kafka's protocol, enough to ask a broker whether it is ready and to manage its topics.

A JVM takes over a second to create a topic; this takes milliseconds, so that tests can have a topic each. Where Kafka 4
still answers the versions before "flexible" ones, those are spoken. One request is in flight at a time.
"""

import dataclasses
import hashlib
import os
import socket
import struct
import time

ERRORS = {
    3: "unknown topic or partition",
    5: "leader not available",
    6: "not the leader",
    7: "request timed out",
    17: "invalid topic name",
    36: "the topic exists already",
    37: "invalid number of partitions",
    38: "invalid replication factor",
    40: "invalid configuration",
    41: "not the controller",
    42: "invalid request",
    44: "refused by policy",
    60: "reassignment in progress",
}


RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactional id": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Describe": 8, "DescribeConfigs": 10}
LITERAL, ALLOW = 3, 3


class KafkaError(Exception):
    """An error code of the broker, with its message where it sent one."""

    def __init__(self, code: int, about: str, message: str | None = None):
        super().__init__(f"{about}: {message or ERRORS.get(code, f'Kafka error {code}')}")
        self.code = code


class Request:
    """Builds the body of a request, in network byte order."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def number(self, kind: str, *values: float) -> "Request":
        """`kind` as in struct: b, h, i, q for 8 to 64 bits, d for a double."""
        for value in values:
            self.bytes += struct.pack(">" + kind, value)
        return self

    def text(self, value: str | None) -> "Request":
        encoded = value.encode() if value is not None else b""
        self.number("h", len(encoded) if value is not None else -1)
        self.bytes += encoded
        return self

    def count(self, value: int) -> "Request":
        """An unsigned number of variable length. In flexible versions texts and arrays begin with their length plus
        one, and everything ends with the number of its tagged fields."""
        while value >= 0x80:
            self.bytes.append(value & 0x7F | 0x80)
            value >>= 7
        self.bytes.append(value)
        return self

    def compact(self, value: str) -> "Request":
        self.count(len(value.encode()) + 1)
        self.bytes += value.encode()
        return self


class Answer:
    """Reads an answer from its first byte to its last."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(">" + kind, self.data, self.at)
        self.at += struct.calcsize(kind)
        return value

    def text(self) -> str | None:
        length = self.number("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def array(self, element) -> list:
        return [element() for _ in range(max(0, self.number("i")))]

    def count(self) -> int:
        value, shift = 0, 0
        while (byte := self.number("b")) < 0:
            value, shift = value | (byte & 0x7F) << shift, shift + 7
        return value | byte << shift

    def compact(self) -> str:
        length = self.count() - 1
        self.at += length
        return self.data[self.at - length : self.at].decode()


@dataclasses.dataclass
class Partition:
    index: int
    leader: int
    error: int


@dataclasses.dataclass
class Metadata:
    brokers: list[int]
    topics: dict[str, list[Partition]]
    errors: dict[str, int]

    def ready(self) -> bool:
        """Every partition of every topic has a leader."""
        led = all(p.leader >= 0 and p.error == 0 for partitions in self.topics.values() for p in partitions)
        return bool(self.brokers) and led and not any(self.errors.values())


class Client:
    """One connection to one broker, which is leader and controller alike. Raises OSError and KafkaError."""

    def __init__(self, address: str, timeout_s: float = 10):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host or "127.0.0.1", int(port)), timeout_s)
        self.timeout_ms = int(timeout_s * 1000)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the broker closed the connection")
            data += more
        return data

    def call(self, key: int, version: int, body: Request, flexible: bool = False) -> Answer:
        header = Request().number("h", key, version).number("i", 1).text("marquee-tests")
        if flexible:
            header.count(0)
        message = header.bytes + body.bytes
        self.socket.sendall(struct.pack(">i", len(message)) + message)
        answer = Answer(self._receive(struct.unpack(">i", self._receive(4))[0]))
        answer.number("i")  # correlation id
        if flexible:
            answer.count()
        return answer

    def metadata(self) -> Metadata:
        """Of all topics, internal ones too."""
        a = self.call(3, 7, Request().number("i", -1).number("b", 0))
        a.number("i")
        brokers = a.array(lambda: (a.number("i"), a.text(), a.number("i"), a.text())[0])
        a.text(), a.number("i")

        def numbers() -> list[int]:
            return a.array(lambda: a.number("i"))

        def partition() -> Partition:
            error, index, leader = a.number("h"), a.number("i"), a.number("i")
            a.number("i"), numbers(), numbers(), numbers()
            return Partition(index, leader, error)

        topics, errors = {}, {}
        for _ in range(a.number("i")):
            error, name, _ = a.number("h"), a.text(), a.number("b")
            topics[name] = sorted(a.array(partition), key=lambda p: p.index)
            errors[name] = error
        return Metadata(brokers, topics, errors)

    def wait(self, holds, what: str, timeout_s: float = 20) -> Metadata:
        """Asks until `holds(metadata)`."""
        end = time.monotonic() + timeout_s
        while True:
            metadata = self.metadata()
            if holds(metadata):
                return metadata
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
            time.sleep(0.02)

    def create(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        """Comes back when every partition has a leader."""
        body = Request().number("i", 1).text(topic).number("i", partitions).number("h", 1).number("i", 0)
        body.number("i", len(configs))
        for key, value in configs.items():
            body.text(key).text(value)
        a = self.call(19, 4, body.number("i", self.timeout_ms).number("b", 0))
        a.number("i")
        self._judge(a, lambda: (a.text(), a.number("h"), a.text()))
        self.wait(
            lambda m: len(m.topics.get(topic, [])) == partitions and all(p.leader >= 0 for p in m.topics[topic]),
            f"leaders for {topic}",
        )

    def delete(self, topic: str) -> None:
        a = self.call(20, 3, Request().number("i", 1).text(topic).number("i", self.timeout_ms))
        a.number("i")
        self._judge(a, lambda: (a.text(), a.number("h"), None))
        self.wait(lambda m: topic not in m.topics, f"removal of {topic}")

    def grow(self, topic: str, partitions: int) -> None:
        """To `partitions` in all."""
        body = Request().number("i", 1).text(topic).number("i", partitions).number("i", -1)
        a = self.call(37, 1, body.number("i", self.timeout_ms).number("b", 0))
        a.number("i")
        self._judge(a, lambda: (a.text(), a.number("h"), a.text()))
        self.wait(
            lambda m: len(m.topics.get(topic, [])) == partitions and all(p.leader >= 0 for p in m.topics[topic]),
            f"leaders for {topic}",
        )

    def set_configs(self, topic: str, configs: dict[str, str]) -> None:
        body = Request().number("i", 1).number("b", 2).text(topic).number("i", len(configs))
        for key, value in configs.items():
            body.text(key).number("b", 0).text(value)
        a = self.call(44, 0, body.number("b", 0))
        a.number("i")

        def result() -> tuple:
            error, message, _, name = a.number("h"), a.text(), a.number("b"), a.text()
            return name, error, message

        self._judge(a, result)

    def configs(self, topic: str) -> dict[str, str]:
        """What is set on the topic itself."""
        a = self.call(32, 1, Request().number("i", 1).number("b", 2).text(topic).number("i", -1).number("b", 0))
        a.number("i"), a.number("i")
        error, message = a.number("h"), a.text()
        if error:
            raise KafkaError(error, topic, message)
        a.number("b"), a.text()
        found = {}
        for _ in range(a.number("i")):
            name, value, _, source, _ = a.text(), a.text(), a.number("b"), a.number("b"), a.number("b")
            a.number("i")  # no synonyms were asked for
            if source == 1:
                found[name] = value or ""
        return found

    def offsets(self, topic: str, when: int, committed: bool = False) -> dict[int, int]:
        """By partition; `when` is -2 for the beginning and -1 for the end (the last stable one if `committed`)."""
        indices = [p.index for p in self.metadata().topics.get(topic, [])]
        if not indices:
            raise KafkaError(3, topic)
        body = (
            Request().number("i", -1).number("b", int(committed)).number("i", 1).text(topic).number("i", len(indices))
        )
        for index in indices:
            body.number("i", index).number("q", when)
        a = self.call(2, 2, body)
        a.number("i"), a.number("i"), a.text()
        found = {}
        for _ in range(a.number("i")):
            index, error, _, offset = a.number("i"), a.number("h"), a.number("q"), a.number("q")
            if error:
                raise KafkaError(error, f"{topic}/{index}")
            found[index] = offset
        return found

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition, what a group has committed; -1 is nothing."""
        body = Request().text(group).number("i", 1).text(topic)
        indices = [p.index for p in self.metadata().topics.get(topic, [])]
        a = self.call(9, 1, body.number("i", len(indices), *indices))
        found = {}
        a.number("i"), a.text()
        for _ in range(a.number("i")):
            index, offset, _, error = a.number("i"), a.number("q"), a.text(), a.number("h")
            if error:
                raise KafkaError(error, f"group {group}, {topic}/{index}")
            found[index] = offset
        return found

    def codec(self, topic: str, partition: int) -> int:
        """How the first batch of a partition is compressed: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
        body = Request().number("i", -1, 1000, 1, 1_000_000).number("b", 0).number("i", 0, -1)
        body.number("i", 1).text(topic).number("i", 1, partition, -1).number("q", 0, -1).number("i", 1_000_000)
        a = self.call(1, 10, body.number("i", 0))
        a.number("i"), a.number("h"), a.number("i"), a.number("i"), a.text(), a.number("i")
        a.number("i")
        if error := a.number("h"):
            raise KafkaError(error, f"{topic}/{partition}")
        a.number("q"), a.number("q"), a.number("q")
        a.array(lambda: (a.number("q"), a.number("q")))
        a.number("i")  # bytes of batches; the first has offset, length, epoch, magic, checksum before its attributes
        a.number("q"), a.number("i"), a.number("i"), a.number("b"), a.number("i")
        return a.number("h") & 7

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Removes what lies before an offset."""
        body = Request().number("i", 1).text(topic).number("i", 1).number("i", partition).number("q", before)
        a = self.call(21, 1, body.number("i", self.timeout_ms))
        a.number("i"), a.number("i"), a.text(), a.number("i"), a.number("i"), a.number("q")
        if error := a.number("h"):
            raise KafkaError(error, f"{topic}/{partition}")

    def set_password(self, user: str, password: str) -> None:
        """Makes the user or changes it; SCRAM-SHA-256."""
        salt, iterations = os.urandom(16), 4096
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
        body = Request().count(1).count(2).compact(user).number("b", 1).number("i", iterations)
        for value in (salt, salted):
            body.count(len(value) + 1).bytes += value
        a = self.call(51, 0, body.count(0).count(0), flexible=True)
        a.number("i"), a.count(), a.compact()
        if error := a.number("h"):
            raise KafkaError(error, f"user {user}")

    def allow(self, user: str, *acls: tuple[str, str, str]) -> None:
        """Permissions, each as (kind of resource, its name, operation)."""
        body = Request().number("i", len(acls))
        for kind, name, operation in acls:
            body.number("b", RESOURCES[kind]).text(name).number("b", LITERAL).text(f"User:{user}").text("*")
            body.number("b", OPERATIONS[operation], ALLOW)
        a = self.call(30, 1, body)
        a.number("i")
        self._judge(a, lambda: (f"permissions of {user}", a.number("h"), a.text()))

    def forbid(self, user: str, kind: str, name: str, operation: str) -> None:
        """Takes a permission away, which there must be."""
        body = Request().number("i", 1).number("b", RESOURCES[kind]).text(name).number("b", LITERAL)
        body.text(f"User:{user}").text("*").number("b", OPERATIONS[operation], ALLOW)
        a = self.call(31, 1, body)
        a.number("i"), a.number("i")
        error, message = a.number("h"), a.text()
        if error:
            raise KafkaError(error, f"permissions of {user}", message)
        if a.number("i") != 1:
            raise LookupError(f"{user} has no permission to {operation} {kind} {name}")

    def set_quota(self, client_id: str, quota: str, value: float | None) -> None:
        """Such as consumer_byte_rate, of whoever bears that client.id; None takes it away."""
        body = Request().number("i", 1).number("i", 1).text("client-id").text(client_id)
        body.number("i", 1).text(quota).number("d", value or 0).number("b", int(value is None))
        a = self.call(49, 0, body.number("b", 0))
        a.number("i"), a.number("i")
        if error := a.number("h"):
            raise KafkaError(error, f"quota of {client_id}", a.text())

    def write_markers(self, producer: int, epoch: int, coordinator_epoch: int, commit: bool, partitions) -> None:
        """Ends a transaction in `partitions` (topic, index), as its coordinator does: for mending a broker's loss."""
        topics: dict[str, list[int]] = {}
        for topic, index in partitions:
            topics.setdefault(topic, []).append(index)
        body = Request().count(2).number("q", producer).number("h", epoch).number("b", int(commit))
        body.count(len(topics) + 1)
        for topic, indices in topics.items():
            body.compact(topic).count(len(indices) + 1).number("i", *indices).count(0)
        a = self.call(27, 1, body.number("i", coordinator_epoch).count(0).count(0), flexible=True)
        for _ in range(a.count() - 1):
            a.number("q")
            for _ in range(a.count() - 1):
                topic = a.compact()
                for _ in range(a.count() - 1):
                    index, error = a.number("i"), a.number("h")
                    a.count()
                    if error:
                        raise KafkaError(error, f"{topic}/{index}")
                a.count()
            a.count()

    @staticmethod
    def _judge(answer: Answer, result) -> None:
        for name, error, message in answer.array(result):
            if error:
                raise KafkaError(error, name, message)

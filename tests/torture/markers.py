"""What a restarted broker has lost of its own transactions, and how it gets that back.

A commit that was decided when the broker was killed is carried out by the next broker of that data: it reads the
decision and writes a marker into every partition of the transaction. Kafka 4.1 to 4.3, at least, take a partition whose
leader is away for one that was deleted (KAFKA-20734): a broker that is alone registers while it sends the markers, has
no leaders for a moment, drops them, and calls the transaction complete. Its partitions stay undecided for ever, and
nobody reads past them. The log has all that is needed to send those markers again.
"""

import dataclasses
import re

DECIDED = re.compile(
    r"Sending txn markers for TransactionalIdCoordinatorEpochAndTransitMetadata\("
    r"(?P<id>[^,]+),(?P<coordinator>\d+),(?P<result>COMMIT|ABORT),.*?producerId=(?P<producer>\d+),"
    r".*?producerEpoch=(?P<epoch>\d+),"
)
DROPPED = re.compile(
    r"Couldn't find leader endpoint for partitions \w*\((?P<partitions>[^)]*)\) "
    r"while trying to send transaction markers for (?P<id>[^,]+), these"
)


@dataclasses.dataclass(frozen=True)
class Lost:
    """Markers of one transaction, as the coordinator decided it, that some of its partitions did not get."""

    transactional_id: str
    producer_id: int
    producer_epoch: int
    coordinator_epoch: int
    commit: bool
    partitions: tuple[tuple[str, int], ...]  # topic, index


def lost(log: str) -> list[Lost]:
    """From what a broker has logged since its start. Markers dropped without a decision read at the start are not among
    them: nobody knows what they said."""
    decided: dict[str, re.Match] = {}
    found = []
    for line in log.splitlines():
        if match := DECIDED.search(line):
            decided[match["id"]] = match
        elif (match := DROPPED.search(line)) and match["id"] in decided:
            about = decided[match["id"]]
            names = (name.strip().rpartition("-") for name in match["partitions"].split(","))
            found.append(
                Lost(
                    match["id"],
                    int(about["producer"]),
                    int(about["epoch"]),
                    int(about["coordinator"]),
                    about["result"] == "COMMIT",
                    tuple(sorted((topic, int(index)) for topic, _, index in names)),
                )
            )
    return found

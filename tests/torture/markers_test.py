"""Finds in a broker's log what it has lost, and nothing else."""

import unittest

import markers

# As Kafka 4.3.1 writes it, but for the names.
TIME = "2026-11-25 14:43:04.462 [transaction-log-manager-0] INFO kafka.coordinator.transaction."
DECIDED = (
    TIME + "TransactionStateManager - [Transaction State Manager 1]: Sending txn markers for "
    "TransactionalIdCoordinatorEpochAndTransitMetadata(marquee-job,54,{result},TransactionMetadata("
    "transactionalId=marquee-job, producerId=7, prevProducerId=6, nextProducerId=-1, producerEpoch=575, "
    "lastProducerEpoch=-1, txnTimeoutMs=4000, state=PREPARE_{result}, pendingState=Optional[COMPLETE_{result}], "
    "topicPartitions=[__consumer_offsets-0, job-panes-10, job-panes-2], txnStartTimestamp=1, txnLastUpdateTimestamp=2, "
    "clientTransactionVersion=TV_0),TxnTransitMetadata[producerId=7, prevProducerId=6, nextProducerId=-1, "
    "producerEpoch=576, lastProducerEpoch=-1]) after loading partition 0"
)
DROPPED = (
    TIME
    + "TransactionMarkerChannelManager - [Transaction Marker Channel Manager 1]: Couldn't find leader endpoint for "
    "partitions {set}(job-panes-2, __consumer_offsets-0, job-panes-10) while trying to send transaction markers for "
    "marquee-job, these partitions are likely deleted already and hence can be skipped"
)
OTHER = TIME + "TransactionStateManager - [Transaction State Manager 1]: Loading transaction metadata"


class Lost(unittest.TestCase):
    def find(self, *lines):
        return markers.lost("\n".join(lines))

    def test_dropped_markers_of_a_decided_transaction(self):
        for result, kind in (("COMMIT", "HashSet"), ("ABORT", "Set")):
            found = self.find(OTHER, DECIDED.format(result=result), OTHER, DROPPED.format(set=kind), OTHER)
            partitions = (("__consumer_offsets", 0), ("job-panes", 2), ("job-panes", 10))
            self.assertEqual(found, [markers.Lost("marquee-job", 7, 575, 54, result == "COMMIT", partitions)])

    def test_nothing_is_lost_without_dropped_markers(self):
        self.assertEqual(self.find(OTHER, DECIDED.format(result="COMMIT"), OTHER), [])

    def test_what_was_not_decided_by_the_log_is_left_alone(self):
        self.assertEqual(self.find(DROPPED.format(set="HashSet")), [])
        other = DECIDED.format(result="COMMIT").replace("marquee-job", "another")
        self.assertEqual(self.find(other, DROPPED.format(set="HashSet")), [])


if __name__ == "__main__":
    unittest.main()

// Where a process can be made to stop itself, so that a test can kill it there: MARQUEE_DEBUG_STOP_AT="commit#3" raises
// SIGSTOP as the phase is reached for the third time. One relaxed load where the variable is not set.
#pragma once

#include <cstdint>

namespace marquee {

enum class PhasePoint : std::uint8_t {
  kClaim,          // about to claim the group
  kRestore,        // about to read the pane log
  kBegin,          // a transaction has begun
  kPaneLog,        // a pane-log value is about to be produced
  kProduce,        // a result or letter is about to be produced
  kFlush,          // everything is produced, nothing may be acknowledged yet
  kOffsets,        // offsets are about to be sent to the transaction
  kCommit,         // the transaction is about to be committed
  kCommitted,      // it is, and nobody has been told
  kBase,           // a part of a base is about to be produced
  kDeleteRecords,  // what a base made needless is about to be removed
};

// Any thread.
void at_phase(PhasePoint point);

}  // namespace marquee

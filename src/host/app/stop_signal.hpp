// SIGTERM and SIGINT: the first asks to drain and leave, the second leaves at once. And a bound on the last steps.
#pragma once

#include <atomic>
#include <cstdint>

namespace marquee {

// Installs the handlers, once per process, from main's thread. The flag is set by the first signal and never cleared.
// `before_leaving` (may be null, must be async-signal-safe) is called before a second signal ends the process. Where
// `within_s` is not 0 the process ends with 0 so long after the first one, whatever blocks: nothing may be lost by
// that.
const std::atomic<bool>& stop_on_signals(void (*before_leaving)() noexcept = nullptr, unsigned within_s = 0);
// Likewise for SIGHUP, which is a terminal that has gone. After stop_on_signals().
void stop_on_hangup();
// Instead of these: SIGTERM, SIGINT and SIGHUP end the process at once, with 128 and their number, also where it is a
// container's first, which by itself hears none of them.
void leave_on_signals();
// The signal that came first; 0 while none has.
int stop_signal();

// All that matters is done and `code` is what the process will exit with: whatever blocks from here on, it ends with
// that after `within_ms` at the latest. Once.
void end_process_within(std::int64_t within_ms, int code);

}  // namespace marquee

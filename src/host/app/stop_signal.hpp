// SIGTERM and SIGINT: the first asks to drain and leave, the second leaves at once. SIGPIPE becomes an error of the
// write.
#pragma once

#include <atomic>

namespace marquee {

// Installs the handlers, once per process, from main's thread. The flag is set by the first signal and never cleared.
// `before_leaving` (may be null, must be async-signal-safe) is called before a second signal ends the process.
const std::atomic<bool>& stop_on_signals(void (*before_leaving)() noexcept = nullptr);
// The signal that came first; 0 while none has.
int stop_signal();

}  // namespace marquee

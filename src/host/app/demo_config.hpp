// The demo's configuration: the generator's own events, and windows short enough that something happens at once.
#pragma once

#include <string_view>

namespace marquee {

inline constexpr std::string_view kDemoToml = R"([source]
topic = "watch-events"
group = "marquee-demo"

[event]
item = "content_id"
time = "event_time"
watch = "watch_ms"
dimensions = { category = "category" }

[time]
disorder = "2s"
lateness = "10s"
idle_after = "2s"

[[leaderboard]]
name = "trending"
by = ["category"]
window = "tumbling 10s"
top = 5
emit_every = "500ms"
display = "title"

[sink]
topic = "popularity"
commit_every = "500ms"

[engine]
threads = 1
batches = 4
batch_events = 4096
batch_bytes = "1MiB"

[limits]
items = 100000
combinations = 1000
groups = 1000
entries = 500000
open_panes = 100
)";

}  // namespace marquee

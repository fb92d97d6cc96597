// Records as lines of a file or a pipe.
#pragma once

#include <memory>
#include <string>

#include "gen/sink.hpp"

namespace marquee::gen {

/// Opens `path` for writing (truncated; `-` is standard output) and sets `out`. One write(2) a block. A path that
/// cannot be opened, a full disk and a closed pipe give status 69. The caller must not die of SIGPIPE.
GenStatus open_file_writer(const std::string& path, GenCounters& counters, std::unique_ptr<Sink>& out);

/// Writes a whole small file; `path` may be `-`. Status 69 if it cannot.
GenStatus write_file(const std::string& path, std::string_view content);

}  // namespace marquee::gen

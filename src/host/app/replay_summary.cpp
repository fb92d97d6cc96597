#include "app/replay_summary.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "app/terminal_text.hpp"

namespace marquee {
namespace {

std::vector<std::pair<std::string_view, std::uint64_t>> invalid_by_reason(const VerdictCounts& verdicts) {
  std::vector<std::pair<std::string_view, std::uint64_t>> reasons;
  for (std::size_t v = 0; v < kVerdictCount; ++v) {
    const auto verdict = static_cast<Verdict>(v);
    if (is_invalid(verdict) && verdicts[verdict] > 0) reasons.emplace_back(name_of(verdict), verdicts[verdict]);
  }
  std::sort(reasons.begin(), reasons.end());
  return reasons;
}

}  // namespace

ReplaySummary summary_of(const Probe& probe, double seconds) {
  ReplaySummary summary;
  for (std::size_t v = 0; v < kVerdictCount; ++v) summary.verdicts.by_verdict[v] = probe.verdicts[v].load();
  summary.results = probe.results.load();
  summary.bytes = probe.bytes_read.load();
  summary.refused = probe.refused.load();
  summary.seconds = seconds;
  return summary;
}

std::string summary_json(const ReplaySummary& summary) {
  const VerdictCounts& v = summary.verdicts;
  std::string out = "{\"read\":" + std::to_string(v.read()) + ",\"counted\":" + std::to_string(v[Verdict::kCounted]) +
                    ",\"filtered\":" + std::to_string(v[Verdict::kFiltered]) +
                    ",\"late\":" + std::to_string(v[Verdict::kLate]) + ",\"invalid\":{";
  bool first = true;
  for (const auto& [reason, count] : invalid_by_reason(v)) {
    out += (first ? "\"" : ",\"") + std::string(reason) + "\":" + std::to_string(count);
    first = false;
  }
  return out + "},\"results\":" + std::to_string(summary.results) + ",\"seconds\":" + decimal(summary.seconds, 3) +
         "}\n";
}

std::string summary_text(const ReplaySummary& summary) {
  const VerdictCounts& v = summary.verdicts;
  const double seconds = std::max(summary.seconds, 1e-3);
  std::string out = grouped(v.read()) + " records (" + bytes_text(summary.bytes) + ") in " +
                    decimal(summary.seconds, 2) + " s, " +
                    grouped(static_cast<std::uint64_t>(static_cast<double>(v.read()) / seconds)) +
                    "/s: " + grouped(v[Verdict::kCounted]) + " counted, " + grouped(v[Verdict::kFiltered]) +
                    " filtered, " + grouped(v[Verdict::kLate]) + " late, " + grouped(v.invalid()) + " invalid";
  const auto reasons = invalid_by_reason(v);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    out += (i == 0 ? " (" : ", ") + std::string(reasons[i].first) + " " + grouped(reasons[i].second);
  }
  if (!reasons.empty()) out += ")";
  out += "; " + grouped(summary.results) + " results";
  if (summary.refused > 0)
    out += "; " + grouped(summary.refused) + " refused by [limits], whose results say \"exact\":false";
  return out;
}

Status write_file(const std::string& path, const std::string& text) {
  const auto failed = [&] {
    return Status{Code::kUnavailable,
                  path + " cannot be written: " + std::strerror(errno) + "; check the path and the disk it is on"};
  };
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return failed();
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t n = ::write(fd, text.data() + written, text.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const Status status = failed();
      ::close(fd);
      return status;
    }
    written += static_cast<std::size_t>(n);
  }
  return ::close(fd) == 0 ? Status{} : failed();
}

}  // namespace marquee

#include "simulation/job.hpp"

#include <algorithm>
#include <set>

namespace simulation {

using namespace marquee;
using differential::Rng;

namespace {

constexpr std::int64_t kStartMs = 1'763'800'000'000;
constexpr std::int64_t kEventEveryMs = 12;
constexpr std::int64_t kJitterMs = 50;

std::int64_t time_of(std::size_t place) {
  return kStartMs + static_cast<std::int64_t>(place) * kEventEveryMs;
}

void group_by(LeaderboardSpec& spec, oracle::Leaderboard& config, Rng& rng) {
  switch (rng.below(4)) {
    case 0:
      break;
    case 1:
      spec.by = {0};
      config.by = {"category"};
      break;
    case 2:
      spec.by = {1};
      config.by = {"country"};
      break;
    default:
      spec.by = {1, 0};
      config.by = {"country", "category"};
      break;
  }
}

void rank_by(LeaderboardSpec& spec, oracle::Leaderboard& config, Rng& rng) {
  if (rng.chance(40)) {
    spec.measure = Measure::kWatchMs;
    config.measure = oracle::Measure::kWatchMs;
  }
  spec.top = static_cast<std::uint32_t>(rng.between(1, 4));
  config.top = spec.top;
  spec.emit_every_ms = rng.between(0, 100);
  if (rng.chance(60)) {
    spec.display = 0;
    config.display_path = "n";
  }
}

void add_first_board(Job& job, Rng& rng, const std::string& name) {
  LeaderboardSpec spec;
  oracle::Leaderboard config;
  spec.name = config.name = name;
  group_by(spec, config, rng);
  const std::int64_t unit = rng.between(1, kPaneMsMax / 100) * 100;
  switch (rng.below(3)) {
    case 0:
      spec.window = {WindowKind::kTumbling, unit, unit, 0};
      config.window = {oracle::WindowKind::kTumbling, unit, 0, 0, 0};
      break;
    case 1:
      spec.window = {WindowKind::kHopping, unit * 3, unit, 0};
      config.window = {oracle::WindowKind::kHopping, unit * 3, unit, 0, 0};
      break;
    default:
      spec.window = {WindowKind::kCumulative, unit * 4, unit, 0};
      config.window = {oracle::WindowKind::kCumulative, unit * 4, 0, unit, 0};
      break;
  }
  rank_by(spec, config, rng);
  job.spec.leaderboards.push_back(spec);
  job.config.leaderboards.push_back(config);
}

bool same_window(const WindowSpec& a, const WindowSpec& b) {
  return a.kind == b.kind && a.size_ms == b.size_ms && a.every_ms == b.every_ms && a.offset_ms == b.offset_ms;
}

}  // namespace

Job make_job(Rng& rng) {
  Job job;
  job.spec.event.item.keys = {"id"};
  job.spec.event.time.keys = {"t"};
  job.spec.event.watch.keys = {"w"};
  job.spec.event.dimensions = {{"category", {{"c"}}, std::nullopt}, {"country", {{"l"}}, "zz"}};
  job.spec.event.displays = {{{"n"}}};
  job.config.item_path = "id";
  job.config.time_path = "t";
  job.config.watch_path = "w";
  job.config.dimensions = {{"category", {"c", std::nullopt}}, {"country", {"l", "zz"}}};
  job.spec.time.disorder_ms = job.config.disorder_ms = rng.between(0, 60);
  job.spec.time.lateness_ms = job.config.lateness_ms = rng.between(0, 400);
  job.spec.time.idle_after_ms = std::nullopt;
  job.spec.time.max_future_ms = job.config.max_future_ms = 300'000;
  const std::size_t boards = 1 + rng.below(3);
  for (std::size_t b = 0; b < boards; ++b) add_first_board(job, rng, "board-" + std::to_string(b));
  // Ids are taken back and given anew in worlds whose budgets are near what is alive at once.
  job.has_room = job.groups_have_room = rng.chance(50);
  job.spec.budgets = {4'000, 1'000, 1'000, 100'000, 10'000};
  if (!job.has_room) {
    job.spec.budgets.items = static_cast<std::uint32_t>(rng.between(20, 60));
    job.groups_have_room = rng.chance(50);
    if (!job.groups_have_room) {
      job.spec.budgets.combinations = static_cast<std::uint32_t>(rng.between(12, 40));
      job.spec.budgets.groups = static_cast<std::uint32_t>(rng.between(8, 30));
      if (rng.chance(50)) job.spec.budgets.open_panes = static_cast<std::uint32_t>(rng.between(2, 16));
    }
  }
  return job;
}

void add_board(Job& job, Rng& rng, const std::string& name) {
  const std::size_t like = rng.below(job.spec.leaderboards.size());
  LeaderboardSpec spec;
  oracle::Leaderboard config;
  spec.name = config.name = name;
  spec.window = job.spec.leaderboards[like].window;
  for (const oracle::Leaderboard& board : job.config.leaderboards) {
    if (board.name == job.spec.leaderboards[like].name) config.window = board.window;
  }
  group_by(spec, config, rng);
  rank_by(spec, config, rng);
  const std::size_t place = rng.below(job.spec.leaderboards.size() + 1);
  job.spec.leaderboards.insert(job.spec.leaderboards.begin() + static_cast<std::ptrdiff_t>(place), spec);
  job.config.leaderboards.push_back(config);
}

std::optional<std::string> remove_board(Job& job, Rng& rng) {
  std::vector<std::size_t> may;
  const auto& boards = job.spec.leaderboards;
  for (std::size_t b = 0; b < boards.size(); ++b) {
    const auto like = std::count_if(boards.begin(), boards.end(),
                                    [&](const auto& other) { return same_window(other.window, boards[b].window); });
    if (like > 1) may.push_back(b);
  }
  if (may.empty()) return std::nullopt;
  const auto place = boards.begin() + static_cast<std::ptrdiff_t>(rng.pick(may));
  std::string name = place->name;
  job.spec.leaderboards.erase(place);
  return name;
}

std::int64_t time_max_ms(std::size_t place) {
  return time_of(place) + kJitterMs;
}

Input make_input(Rng& rng) {
  Input input;
  const std::size_t partitions = 1 + rng.below(3);
  input.messages.resize(partitions);
  input.order.resize(partitions);
  const std::size_t events = 60 + rng.below(200);
  if (partitions > 1 && rng.chance(40)) input.late_from = 10 + rng.below(events / 2);
  const bool many_groups = rng.chance(30);
  input.removed.resize(partitions);
  if (!input.late_from && rng.chance(30)) input.removed[0] = 1 + rng.below(events / 4);
  std::vector<std::int64_t> offset(partitions);
  const auto event = [&](std::size_t i, std::int64_t time) {
    std::size_t item = i / 8 + rng.below(7);
    if (rng.one_in(12)) item = rng.below(item + 1);  // one of long ago
    std::string s = "{\"id\":\"m-" + std::to_string(item) + "\",\"t\":" + std::to_string(time) +
                    ",\"w\":" + std::to_string(rng.below(5'000));
    if (many_groups) {
      s += ",\"c\":\"c-" + std::to_string(i / 15 + rng.below(3)) + "\"";
    } else {
      s += rng.chance(50) ? ",\"c\":\"movie\"" : ",\"c\":\"show\"";
    }
    if (rng.chance(70)) s += rng.chance(50) ? ",\"l\":\"in\"" : ",\"l\":\"fr\"";
    // Items change their titles back and forth, and often enough at the same time.
    if (rng.chance(80)) s += ",\"n\":\"" + std::string(1 + rng.below(30), static_cast<char>('a' + rng.below(4))) + "\"";
    return s + "}";
  };
  const auto record = [&](std::size_t i) {
    if (rng.one_in(60)) return std::string("{broken");
    std::int64_t time = time_of(i) + rng.between(0, kJitterMs);
    if (rng.one_in(25)) time -= rng.between(0, 1'500);
    return event(i, time);
  };
  for (std::size_t i = 0; i < events; ++i) {
    std::size_t p = rng.below(partitions);
    const bool late_is_there = !input.late_from || i >= *input.late_from;
    if (!late_is_there) p = rng.below(partitions - 1);
    if (input.late_from == i) p = partitions - 1;
    oracle::Message message;
    message.partition = static_cast<int>(p);
    message.offset = offset[p];
    // The first event of a partition that comes late is not earlier than any that was read before: nothing expires. So
    // is the first one that is left of a partition, so that what is late is the same with what was removed and without.
    const std::size_t place = input.messages[p].size();
    const bool first = input.late_from == i || (input.removed[p] > 0 && place == input.removed[p]);
    const bool removed = place < input.removed[p];
    message.value = first ? event(i, time_max_ms(i)) : removed ? event(i, time_of(i)) : record(i);
    if (!first && !removed) {
      for (std::size_t more = rng.one_in(12) ? rng.below(6) : 0; more > 0; --more) message.value += "\n" + record(i);
    }
    input.messages[p].push_back(message);
    input.order[p].push_back(i);
    offset[p] += rng.one_in(20) ? rng.between(2, 5) : 1;  // compaction and transactions leave gaps
  }
  for (std::size_t p = 0; p < partitions; ++p) {
    if (input.removed[p] >= input.messages[p].size()) input.removed[p] = 0;
  }
  return input;
}

}  // namespace simulation

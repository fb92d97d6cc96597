// Runs the demo's view on invented boards, so that a person can look at it without a stream.
//   boards_view_sample [--no-color] [--groups N] [--frame WIDTH HEIGHT]     (--frame: print one frame and leave)
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include "app/boards_view.hpp"
#include "app/snapshot_feed.hpp"

namespace {

using namespace marquee;

constexpr std::int64_t kWindowMs = 10'000;
constexpr const char* kTitles[] = {"The Long Quiet River",
                                   "Ösaka Nights",
                                   "君の街で",
                                   "Harbour Lights",
                                   "A Very Long Title That Never Seems To End",
                                   "Ninety Minutes",
                                   "Glass Mountain",
                                   "Midnight Kitchen",
                                   "Señorita Luna",
                                   "Orbit",
                                   "Paper Lions",
                                   "The Ninth Wave",
                                   "Salt & Iron",
                                   "Northbound"};

std::atomic<bool> leave{false};

std::shared_ptr<const ResultRecord> invented(const std::string& group, std::int64_t window, double progress,
                                             bool final) {
  std::mt19937_64 random(std::hash<std::string>{}(group) + static_cast<std::uint64_t>(window));
  auto record = std::make_shared<ResultRecord>();
  record->group = {group};
  record->window_start = window * kWindowMs;
  record->window_end = record->window_start + kWindowMs;
  record->final = final;
  for (std::size_t i = 0; i < std::size(kTitles); ++i) {
    const double views =
        300.0 / static_cast<double>(i + 1) * progress * (0.6 + static_cast<double>(random() % 800) * 1e-3);
    record->rows.push_back({std::string("t") + std::to_string(i), static_cast<std::uint64_t>(views) + 1,
                            static_cast<std::uint64_t>(views * 31'000), kTitles[i]});
    record->events += static_cast<std::uint64_t>(views) + 1;
  }
  std::sort(record->rows.begin(), record->rows.end(), [](const auto& a, const auto& b) { return a.views > b.views; });
  record->rows.resize(10);
  return record;
}

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int argc, char** argv) {
  bool no_color = false;
  std::size_t groups = 3, width = 0, height = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--no-color") == 0) no_color = true;
    if (std::strcmp(argv[i], "--groups") == 0 && i + 1 < argc) groups = std::strtoul(argv[++i], nullptr, 10);
    if (std::strcmp(argv[i], "--frame") == 0 && i + 2 < argc) {
      width = std::strtoul(argv[++i], nullptr, 10);
      height = std::strtoul(argv[++i], nullptr, 10);
    }
  }
  JobSpec job;
  LeaderboardSpec trending;
  trending.name = "trending";
  trending.by = {0};
  trending.window.size_ms = trending.window.every_ms = kWindowMs;
  job.event.dimensions = {{"category", {{"category"}}, {}}};
  job.leaderboards = {trending};
  Probe probe;
  SnapshotBoard board;
  const auto publish = [&](std::int64_t now) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->watermark = now - 2'000;
    const std::int64_t window = snapshot->watermark / kWindowMs;
    const double progress = static_cast<double>(snapshot->watermark % kWindowMs) / kWindowMs;
    snapshot->boards.resize(1);
    BoardEntries::Run run;
    for (std::size_t i = 0; i < groups; ++i) {
      constexpr const char* kNames[] = {"live", "movie", "show"};
      const std::string name = i < 3 ? kNames[i] : std::string("category ") + std::to_string(i);
      run.push_back({invented(name, window, progress, false), invented(name, window - 1, 1, true)});
    }
    snapshot->boards[0].add(std::make_shared<const BoardEntries::Run>(std::move(run)));
    board.publish(snapshot);
    probe.phase = Phase::kRunning;
    probe.set_reason("");
    probe.lag_messages = 12;
    probe.watermark_ms = snapshot->watermark;
    probe.watermark_known = true;
    probe.epochs += 1;
    probe.verdicts[0] += 167;
  };
  BoardsViewOptions options;
  options.terminal = is_terminal(1);
  options.color = wants_color(1, no_color);
  options.links = {"metrics  http://127.0.0.1:8080/metrics", "results  kcat -b 127.0.0.1:9092 -t popularity -C -u",
                   "Ctrl-C ends the demo"};
  SnapshotFeed feed(job, probe, board);
  BoardsView view(feed, options);
  if (width > 0) {
    publish(1763800017'000);
    view.frame(std::chrono::steady_clock::now() - std::chrono::seconds(1), 1763800017'000);
    publish(1763800017'000);
    std::cout << render(view.frame(std::chrono::steady_clock::now(), 1763800017'000), width, height, !no_color) << '\n';
    return 0;
  }
  std::signal(SIGINT, [](int) { leave = true; });
  std::jthread feeder([&](std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    do {
      publish(wall_ms());
    } while (!stopped.wait_for(lock, stop, std::chrono::milliseconds(500), [&] { return stop.stop_requested(); }));
  });
  std::jthread viewer([&](std::stop_token stop) { view.run([&] { return stop.stop_requested(); }); });
  while (!leave) ::pause();
  return 0;
}

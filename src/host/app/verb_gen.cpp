// marquee gen: a seeded stream of watch events, to Kafka or to a file.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

#include "app/config_values.hpp"
#include "app/console_log.hpp"
#include "app/stop_signal.hpp"
#include "app/terminal_text.hpp"
#include "app/usage.hpp"
#include "app/verbs.hpp"
#include "gen/gen.hpp"

namespace marquee {
namespace {

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();  // what is too much, gen::resolve says
constexpr std::uint64_t kAny32 = std::numeric_limits<std::uint32_t>::max();
constexpr const char* kExamples = R"(Examples:
  marquee gen                                                  20,000 events a minute to 127.0.0.1:9092
  marquee gen --count 1000000 --seed 7 --output events.ndjson --ledger ledger.json
  marquee gen --rate 500k/s --threads 2 --pack 100 --topic watch-events --brokers kafka:9092
  marquee gen --for 10m --rate max --output - | marquee replay - --config marquee.toml
Ctrl-C or SIGTERM ends it: 0 when all that was sent has been acknowledged, 69 when not.)";

struct GenFlags {
  gen::GenOptions options;
  std::string key = "viewer";
  std::string profile = "full";
  std::string rate;
  std::string density;
  std::string duration;
  std::string start;
  std::uint64_t count = 0;
  std::vector<std::string> kafka;
  bool may_repeat = false;
};

Status wrong(const std::string& flag, const std::string& error) {
  return {Code::kUsage, flag + ": " + error};
}

Status parse_flags(const GenFlags& flags, gen::GenOptions& options) {
  options = flags.options;
  std::string error;
  const auto rate = [&](const std::string& text, std::optional<gen::Rate>& out) {
    if (!text.empty()) out = gen::parse_rate(text, error);
    return text.empty() || out.has_value();
  };
  if (!rate(flags.rate, options.rate)) return wrong("--rate", error);
  if (!rate(flags.density, options.density)) return wrong("--density", error);
  if (!flags.duration.empty()) {
    options.for_ms = gen::parse_duration_ms(flags.duration, error);
    if (!options.for_ms) return wrong("--for", error);
  }
  if (!flags.start.empty()) {
    const std::int64_t now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    options.start_ms = gen::parse_time_ms(flags.start, now_ms, error);
    if (!options.start_ms) return wrong("--start", error);
  }
  if (flags.count > 0) options.count = flags.count;
  for (const std::string& setting : flags.kafka) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return wrong("--kafka", "is name=value, such as security.protocol=SSL");
    options.kafka.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  options.key = flags.key == "item" ? gen::KeyBy::kItem : gen::KeyBy::kViewer;
  options.profile = flags.profile == "small" ? gen::Profile::kSmall : gen::Profile::kFull;
  options.idempotent = !flags.may_repeat;
  return {};
}

// What is drawn over and over while it runs: "1,003 events, 195 KB, 333/s".
std::string progress_text(const gen::GenCounters& counters, double seconds) {
  const std::uint64_t acked = counters.acked.load();
  return grouped(acked) + " events, " + bytes_text(counters.bytes.load()) + ", " +
         grouped(static_cast<std::uint64_t>(static_cast<double>(acked) / std::max(seconds, 1e-3))) + "/s";
}

// How it ended, whatever the outcome: how many events were sent, to where, and what became of them.
std::string summary_text(const gen::GenOptions& options, const gen::GenCounters& counters, double seconds) {
  const std::uint64_t sent = counters.sent.load();
  const std::uint64_t acked = counters.acked.load();
  std::string text = grouped(sent) + (sent == 1 ? " event " : " events ");
  if (!options.output.empty()) {
    text += "written to " + (options.output == "-" ? std::string("standard output") : options.output);
  } else {
    text += "sent to topic " + options.topic + " at " + options.brokers;
    if (sent > 0 && acked >= sent) text += ", all acknowledged";
    if (acked < sent) text += ", " + grouped(acked) + " acknowledged, " + grouped(sent - acked) + " lost";
  }
  if (sent == 0) return text;
  return text + "; " + bytes_text(counters.bytes.load()) + " in " + decimal(seconds, 1) + " s, " +
         grouped(static_cast<std::uint64_t>(static_cast<double>(acked) / std::max(seconds, 1e-3))) + "/s";
}

// The generator's view on standard error: a line on a terminal, five times a second, and what it has to tell.
class GenView {
 public:
  explicit GenView(bool terminal) : terminal_(terminal) {}

  // Any thread.
  void tell(const std::string& sentence) {
    const std::lock_guard lock(mutex_);
    std::fprintf(stderr, "%smarquee: %s\n", wipe(), printable(sentence).c_str());
  }

  void draw_until_done(const std::function<std::string()>& line) {
    if (!terminal_) return;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::milliseconds(200), [this] { return done_; })) {
      std::fprintf(stderr, "%s%s", wipe(), line().c_str());
    }
    std::fputs(wipe(), stderr);
  }

  void done() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
  }

 private:
  const char* wipe() const { return terminal_ ? "\r\x1b[K" : ""; }

  const bool terminal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

int run_gen(const GenFlags& flags) {
  gen::GenOptions options;
  if (const Status s = parse_flags(flags, options); !s.ok()) return report(s);
  const std::atomic<bool>& stop = stop_on_signals();
  GenView view(::isatty(STDERR_FILENO) != 0);
  gen::Generator generator(options, [&view](const std::string& sentence) { view.tell(sentence); });
  const gen::GenCounters& counters = generator.counters();
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [begin] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  std::thread drawing([&] { view.draw_until_done([&] { return progress_text(counters, seconds()); }); });
  const gen::GenStatus status = generator.run(stop);
  view.done();
  drawing.join();
  const int code = report({static_cast<Code>(status.code), status.message});
  if (code != static_cast<int>(Code::kUsage)) {
    std::fprintf(stderr, "%s%s\n", stop.load() ? "stopped: " : "",
                 printable(summary_text(options, counters, seconds())).c_str());
  }
  return code;
}

}  // namespace

void add_gen(CLI::App& app, Action& action) {
  auto flags = std::make_shared<GenFlags>();
  gen::GenOptions& o = flags->options;
  CLI::App* verb = app.add_subcommand("gen", "Make a seeded stream of watch events, to Kafka or to a file");
  verb->footer(kExamples);
  verb->add_option("--output,-o", o.output, "write to a file, - is standard output; without it to Kafka")
      ->type_name("FILE");
  verb->add_option("--brokers", o.brokers, "Kafka brokers")->type_name("HOST:PORT,…")->capture_default_str();
  verb->add_option("--topic", o.topic, "Kafka topic; created where it is missing")
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--partitions", o.partitions, "partitions of a topic that is created")
      ->type_name("N")
      ->check(whole_number(0, kAny32))
      ->capture_default_str();
  verb->add_option("--key", flags->key, "what shares a partition: viewer or item")
      ->check(one_of({"viewer", "item"}))
      ->capture_default_str();
  verb->add_option("--pack", o.pack, "events a Kafka message, as NDJSON")
      ->type_name("N")
      ->check(whole_number(0, kAny32))
      ->capture_default_str();
  verb->add_option("--compression", o.compression, "of Kafka messages")
      ->check(one_of({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  verb->add_flag("--may-repeat", flags->may_repeat, "no idempotent producer: a retry may repeat or reorder events");
  verb->add_option("--kafka", flags->kafka, "one of librdkafka's settings; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  verb->add_option("--rate", flags->rate, "how fast: 20000/min, 500k/s, max; default 20000/min to Kafka, max to a file")
      ->type_name("RATE");
  verb->add_option("--density", flags->density, "events per event time; to a file 20000/min unless given")
      ->type_name("RATE");
  verb->add_option("--threads", o.threads, "threads that make events")
      ->type_name("N")
      ->check(whole_number(0, kAny32))
      ->capture_default_str();
  verb->add_option("--count", flags->count, "stop after so many events")->type_name("N")->check(whole_number(1, kAny));
  verb->add_option("--for", flags->duration, "stop after so much event time, such as 10m")->type_name("DURATION");
  verb->add_option("--start", flags->start, "event time of the first event: 2025-11-22T08:00:00Z, milliseconds, or now")
      ->type_name("TIME");
  verb->add_option("--seed", o.seed, "same seed and start, same bytes")
      ->type_name("N")
      ->check(whole_number(0, kAny))
      ->capture_default_str();
  verb->add_option("--titles", o.titles, "titles in the catalogue")
      ->type_name("N")
      ->check(whole_number(0, kAny32))
      ->capture_default_str();
  verb->add_option("--viewers", o.viewers, "different viewers; 0: twice those who watch at once")
      ->type_name("N")
      ->check(whole_number(0, kAny))
      ->capture_default_str();
  verb->add_option("--late-share", o.late_share, "share of events far behind")
      ->type_name("SHARE")
      ->check(share())
      ->capture_default_str();
  verb->add_option("--bad-share", o.bad_share, "share of records that are malformed or invalid")
      ->type_name("SHARE")
      ->check(share())
      ->capture_default_str();
  verb->add_option("--profile", flags->profile, "full, or small: about 195 bytes an event")
      ->check(one_of({"full", "small"}))
      ->capture_default_str();
  verb->add_option("--ledger", o.ledger, "write what was sent, to reconcile results with, as JSON")->type_name("FILE");
  verb->callback([flags, &action] { action = [flags] { return run_gen(*flags); }; });
}

}  // namespace marquee

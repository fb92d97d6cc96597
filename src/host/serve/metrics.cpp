#include "serve/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"
#include "serve/process_usage.hpp"
#include "serve/readiness.hpp"

namespace marquee {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Item ids that may be labels: the first `max` distinct ones this process shows, each with the first title it had, so
// that a scraper's memory is bounded whatever titles become.
class ItemLabels {
 public:
  struct Label {
    std::string_view item;  // empty: none is to be had
    std::string_view title;
  };

  explicit ItemLabels(std::size_t max) : max_(max) {}
  Label label(const ResultRow& row) {
    auto found = items_.find(row.item);
    if (found == items_.end()) {
      if (items_.size() >= max_) return {};
      found = items_.emplace(row.item, row.title).first;
    } else if (found->second.empty()) {
      found->second = row.title;
    }
    return {found->first, found->second};
  }

 private:
  std::size_t max_;
  std::map<std::string, std::string, std::less<>> items_;
};

// One (leaderboard, group) of the snapshot that is exported.
struct ExportedBoard {
  const LeaderboardSpec* leaderboard;
  std::string group;
  const ResultRecord* record;
};

// What one scrape reads, taken once at its start.
struct Scrape {
  const ServeConfig& config;
  const Probe& probe;
  const HttpProbe& http;
  const Snapshot& snapshot;
  const std::vector<ExportedBoard>& boards;
  std::size_t boards_left_out;
  const ProcessUsage& process;
  ItemLabels& item_labels;
  const JobSpec& job;
  const std::vector<PartitionFigures::Figure>& partitions;
};

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// The series of one family, as they are collected.
class Series {
 public:
  Series(MetricType type, std::vector<ClientMetric>& out) : type_(type), out_(out) {}

  void add(double value, Labels labels = {}) {
    ClientMetric& metric = labelled(labels);
    (type_ == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }
  void add(std::uint64_t value, Labels labels = {}) { add(static_cast<double>(value), labels); }
  void add(std::int64_t value, Labels labels = {}) { add(static_cast<double>(value), labels); }

  void add(const LatencyHistogram& histogram, Labels labels = {}) {
    ClientMetric::Histogram& out = labelled(labels).histogram;
    for (std::size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
      const bool last = i + 1 == LatencyHistogram::kBuckets;
      out.sample_count += histogram.count[i].load(std::memory_order_relaxed);
      out.bucket.push_back(
          {out.sample_count, last ? std::numeric_limits<double>::infinity() : LatencyHistogram::upper_bound_s(i)});
    }
    out.sample_sum = static_cast<double>(histogram.sum_ns.load(std::memory_order_relaxed)) * 1e-9;
  }

 private:
  ClientMetric& labelled(Labels labels) {
    ClientMetric& metric = out_.emplace_back();
    for (const auto& [name, value] : labels) {
      if (!value.empty()) metric.label.push_back({std::string(name), std::string(value)});
    }
    return metric;
  }

  MetricType type_;
  std::vector<ClientMetric>& out_;
};

// A family whose one series is a figure of the Probe as it stands.
template <auto kFigure>
void figure_of(const Scrape& scrape, Series& series) {
  series.add((scrape.probe.*kFigure).load(std::memory_order_relaxed));
}

void collect_records(const Scrape& scrape, Series& series) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    const std::uint64_t n = scrape.probe.verdicts[i].load(std::memory_order_relaxed);
    if (is_invalid(verdict)) {
      series.add(n, {{"verdict", "invalid"}, {"reason", name_of(verdict)}});
    } else {
      series.add(n, {{"verdict", name_of(verdict)}});
    }
  }
}

void collect_stages(const Scrape& scrape, Series& series) {
  series.add(scrape.probe.fetch, {{"stage", "fetch"}});
  series.add(scrape.probe.decode, {{"stage", "decode"}});
  series.add(scrape.probe.aggregate, {{"stage", "aggregate"}});
  series.add(scrape.probe.rank, {{"stage", "rank"}});
  series.add(scrape.probe.commit, {{"stage", "commit"}});
}

void collect_phase(const Scrape& scrape, Series& series) {
  const Phase now = scrape.probe.phase.load(std::memory_order_relaxed);
  for (auto i = static_cast<int>(Phase::kStarting); i <= static_cast<int>(Phase::kFailed); ++i) {
    const auto phase = static_cast<Phase>(i);
    series.add(phase == now ? 1.0 : 0.0, {{"phase", phase_name(phase)}});
  }
}

// Ranks without an item are 0, so that the number of series depends on the groups alone.
template <class ValueOf>
void collect_top(const Scrape& scrape, Series& series, ValueOf value_of) {
  for (const ExportedBoard& board : scrape.boards) {
    for (std::size_t i = 0; i < board.leaderboard->top; ++i) {
      const ResultRow* const row = i < board.record->rows.size() ? &board.record->rows[i] : nullptr;
      const ItemLabels::Label label = row != nullptr ? scrape.item_labels.label(*row) : ItemLabels::Label();
      series.add(row == nullptr ? 0.0 : value_of(*row), {{"leaderboard", board.leaderboard->name},
                                                         {"group", board.group},
                                                         {"rank", std::to_string(i + 1)},
                                                         {"item", label.item},
                                                         {"title", label.title}});
    }
  }
}

template <class ValueOf>
void collect_boards(const Scrape& scrape, Series& series, ValueOf value_of) {
  for (const ExportedBoard& board : scrape.boards) {
    series.add(value_of(*board.record), {{"leaderboard", board.leaderboard->name}, {"group", board.group}});
  }
}

double seconds(std::int64_t ms) {
  return static_cast<double>(ms) * 1e-3;
}

// A figure of each partition of the source that has one.
template <class FigureOf>
void collect_partitions(const Scrape& scrape, Series& series, FigureOf figure_of) {
  for (const PartitionFigures::Figure& partition : scrape.partitions) {
    if (partition.topic.empty()) continue;
    if (const std::optional<double> value = figure_of(partition)) {
      series.add(*value, {{"topic", partition.topic}, {"partition", std::to_string(partition.number)}});
    }
  }
}

void collect_limits(const Scrape& scrape, Series& series) {
  const Budgets& budgets = scrape.job.budgets;
  series.add(std::uint64_t{budgets.items}, {{"limit", "items"}});
  series.add(std::uint64_t{budgets.combinations}, {{"limit", "combinations"}});
  series.add(std::uint64_t{budgets.groups}, {{"limit", "groups"}});
  series.add(budgets.entries, {{"limit", "entries"}});
  series.add(std::uint64_t{budgets.open_panes}, {{"limit", "open_panes"}});
  series.add(budgets.title_bytes, {{"limit", "title_bytes"}});
}

struct MetricRow {
  std::string_view name;
  MetricType type;
  std::string_view labels;
  std::string_view help;  // one line, no backslash
  void (*collect)(const Scrape&, Series&);
};

constexpr auto kCounter = MetricType::Counter;
constexpr auto kGauge = MetricType::Gauge;
constexpr auto kHistogram = MetricType::Histogram;

// Every metric there is, in the order of the exposition.
constexpr MetricRow kMetrics[] = {
    {"marquee_build_info", kGauge, "version, engine", "Always 1; what is running.",
     [](const Scrape& s, Series& out) {
       out.add(1.0, {{"version", MARQUEE_VERSION}, {"engine", s.probe.engine.load(std::memory_order_relaxed)}});
     }},
    {"marquee_ready", kGauge, "", "1 when /readyz answers 200.",
     [](const Scrape& s, Series& out) {
       out.add(is_ready(s.probe.phase.load(std::memory_order_relaxed), s.probe.reason()) ? 1.0 : 0.0);
     }},
    {"marquee_phase", kGauge, "phase", "1 for the phase the process is in, 0 for the others.", collect_phase},

    {"marquee_records_total", kCounter, "verdict, reason",
     "Records read, by verdict (counted, filtered, late, invalid); the reason is given for invalid ones.",
     collect_records},
    {"marquee_read_bytes_total", kCounter, "", "Bytes of record payload read.", figure_of<&Probe::bytes_read>},
    {"marquee_messages_total", kCounter, "", "Kafka messages, or lines of a file, read.",
     figure_of<&Probe::messages_read>},
    {"marquee_batches_total", kCounter, "", "Batches handed to the engine.", figure_of<&Probe::batches>},
    {"marquee_events_aggregated_total", kCounter, "", "Events the engine has taken.",
     figure_of<&Probe::events_aggregated>},
    {"marquee_expired_events_total", kCounter, "",
     "Events left out of a leaderboard because the job had settled their pane.", figure_of<&Probe::expired>},
    {"marquee_refused_events_total", kCounter, "",
     "Events that a leaderboard could not place because a budget was hit; results they touch say exact = false.",
     figure_of<&Probe::refused>},
    {"marquee_titles_refused_total", kCounter, "",
     "Titles that limits.title_bytes had no room for; their items are shown without, or with an older one.",
     figure_of<&Probe::titles_refused>},
    {"marquee_results_total", kCounter, "", "Result records committed.", figure_of<&Probe::results>},
    {"marquee_dead_letters_total", kCounter, "", "Dead letters committed.", figure_of<&Probe::letters_dead>},
    {"marquee_late_letters_total", kCounter, "", "Late letters committed.", figure_of<&Probe::letters_late>},
    {"marquee_letters_dropped_total", kCounter, "",
     "Dead and late letters that the broker took in no form, not even with their headers only.",
     figure_of<&Probe::letters_dropped>},
    {"marquee_source_gap_messages_total", kCounter, "",
     "Offsets that retention had removed before they were read, gone over with on_gap = continue.",
     figure_of<&Probe::gap_messages>},
    {"marquee_epochs_total", kCounter, "", "Epochs committed.", figure_of<&Probe::epochs>},
    {"marquee_last_commit_timestamp_seconds", kGauge, "",
     "When the last epoch committed, as Unix time. Absent before the first.",
     [](const Scrape& s, Series& out) {
       const std::int64_t ms = s.probe.committed_wall_ms.load(std::memory_order_relaxed);
       if (ms > 0) out.add(seconds(ms));
     }},
    {"marquee_commit_failures_total", kCounter, "", "Epochs whose commit failed.", figure_of<&Probe::commit_failures>},
    {"marquee_recoveries_total", kCounter, "", "Times the state was rebuilt from the last commit.",
     figure_of<&Probe::recoveries>},
    {"marquee_pane_log_written_bytes_total", kCounter, "", "Bytes of pane-log values committed, packed.",
     figure_of<&Probe::pane_log_bytes>},
    {"marquee_pane_log_bases_total", kCounter, "", "Bases (whole states of a pane-log partition) committed.",
     figure_of<&Probe::pane_log_bases>},
    {"marquee_pane_log_removals_total", kCounter, "", "Times that removal of what a base made needless was asked for.",
     figure_of<&Probe::pane_log_removals>},
    {"marquee_pane_log_removals_failed_total", kCounter, "",
     "Of these, those that were refused or not answered; the next base asks again.",
     figure_of<&Probe::pane_log_removals_failed>},
    {"marquee_restored_bytes", kGauge, "", "Bytes of pane-log values that the last recovery read.",
     figure_of<&Probe::restored_bytes>},
    {"marquee_restore_records", kGauge, "",
     "Offsets of the pane log that the recovery under way, or the last one, has to read.",
     figure_of<&Probe::restore_records_total>},
    {"marquee_restore_records_left", kGauge, "", "Of these, offsets not read yet; 0 once they are.",
     figure_of<&Probe::restore_records_left>},
    {"marquee_degraded", kGauge, "", "1 when the GPU was lost and the CPU does its work.",
     [](const Scrape& s, Series& out) { out.add(s.probe.degraded.load(std::memory_order_relaxed) ? 1.0 : 0.0); }},

    {"marquee_stage_duration_seconds", kHistogram, "stage",
     "Time one batch (fetch, decode, aggregate) or one epoch (rank, commit) spends in a stage.", collect_stages},
    {"marquee_event_to_result_seconds", kHistogram, "",
     "From reading an epoch's first event to the commit of the results that hold it.",
     [](const Scrape& s, Series& out) { out.add(s.probe.event_to_result); }},
    {"marquee_restore_duration_seconds", kHistogram, "",
     "From the committed offsets of a start or recovery to the first read: the pane log read, the engine rebuilt.",
     [](const Scrape& s, Series& out) { out.add(s.probe.restore); }},

    {"marquee_watermark_timestamp_seconds", kGauge, "",
     "The job's watermark: event time up to which input is believed complete, as Unix time. Absent before the first.",
     [](const Scrape& s, Series& out) {
       if (s.probe.watermark_known.load(std::memory_order_acquire)) {
         out.add(seconds(s.probe.watermark_ms.load(std::memory_order_relaxed)));
       }
     }},
    {"marquee_source_lag_messages", kGauge, "",
     "Messages between what has been read and the ends of all partitions. Absent while unknown.",
     [](const Scrape& s, Series& out) {
       const std::int64_t lag = s.probe.lag_messages.load(std::memory_order_relaxed);
       if (lag >= 0) out.add(lag);
     }},
    {"marquee_source_partitions", kGauge, "", "Partitions read.", figure_of<&Probe::partitions>},
    {"marquee_source_partitions_idle", kGauge, "", "Partitions that are idle and hold back no watermark.",
     figure_of<&Probe::partitions_idle>},

    {"marquee_source_partition_lag_messages", kGauge, "topic, partition",
     "Messages between what has been read of a partition and its end.",
     [](const Scrape& s, Series& out) {
       collect_partitions(s, out, [](const auto& p) { return std::optional(static_cast<double>(p.lag_messages)); });
     }},
    {"marquee_source_partition_watermark_timestamp_seconds", kGauge, "topic, partition",
     "A partition's own watermark, as Unix time; the lowest of those that are not idle holds the others up. Absent "
     "before its first event.",
     [](const Scrape& s, Series& out) {
       collect_partitions(s, out, [](const auto& p) {
         return p.watermark_known ? std::optional(seconds(p.watermark_ms)) : std::nullopt;
       });
     }},
    {"marquee_source_partition_idle", kGauge, "topic, partition", "1 when the partition is idle.",
     [](const Scrape& s, Series& out) {
       collect_partitions(s, out, [](const auto& p) { return std::optional(p.idle ? 1.0 : 0.0); });
     }},

    {"marquee_limit", kGauge, "limit",
     "The budgets in force: items, combinations, groups (of each leaderboard), entries, open_panes, title_bytes.",
     collect_limits},
    {"marquee_entries", kGauge, "", "Entries (leaderboard, pane, group, item) held by the engine.",
     figure_of<&Probe::entries>},
    {"marquee_open_panes", kGauge, "", "Panes not yet dropped, over all leaderboards.", figure_of<&Probe::open_panes>},
    {"marquee_items", kGauge, "", "Item ids alive.", figure_of<&Probe::items_live>},
    {"marquee_combinations", kGauge, "", "Combinations of dimension values alive.",
     figure_of<&Probe::combinations_live>},
    {"marquee_groups", kGauge, "", "Groups alive, over all leaderboards.", figure_of<&Probe::groups_live>},
    {"marquee_engine_memory_bytes", kGauge, "", "Memory of the engine's tables.", figure_of<&Probe::engine_bytes>},
    {"marquee_dictionary_memory_bytes", kGauge, "", "Memory of the dictionary.", figure_of<&Probe::dictionary_bytes>},
    {"marquee_title_memory_bytes", kGauge, "", "Memory of titles, of leaderboards that display some.",
     figure_of<&Probe::title_bytes>},
    {"marquee_batches", kGauge, "", "Batches in the pool.", figure_of<&Probe::batches_in_pool>},
    {"marquee_batches_free", kGauge, "", "Batches waiting to be filled; 0 is backpressure.",
     figure_of<&Probe::batches_free>},

    {"marquee_snapshot_timestamp_seconds", kGauge, "",
     "When the snapshot that this server shows was published, as Unix time. Absent before the first.",
     [](const Scrape& s, Series& out) {
       if (s.snapshot.published_wall_ms > 0) out.add(seconds(s.snapshot.published_wall_ms));
     }},
    {"marquee_top_views", kGauge, "leaderboard, group, rank, (item, title)",
     "Views of the item at a rank of the current window; 0 where no item holds it. Item and title are labels only "
     "when asked for, with http.item_labels.",
     [](const Scrape& s, Series& out) {
       collect_top(s, out, [](const ResultRow& row) { return static_cast<double>(row.views); });
     }},
    {"marquee_top_watch_seconds", kGauge, "leaderboard, group, rank, (item, title)",
     "Watch time of the item at a rank of the current window; 0 where no item holds it.",
     [](const Scrape& s, Series& out) {
       collect_top(s, out, [](const ResultRow& row) { return static_cast<double>(row.watch_ms) * 1e-3; });
     }},
    {"marquee_window_events", kGauge, "leaderboard, group", "Events of the current window.",
     [](const Scrape& s, Series& out) {
       collect_boards(s, out, [](const ResultRecord& r) { return static_cast<double>(r.events); });
     }},
    {"marquee_window_end_timestamp_seconds", kGauge, "leaderboard, group", "End of the current window, as Unix time.",
     [](const Scrape& s, Series& out) {
       collect_boards(s, out, [](const ResultRecord& r) { return seconds(r.window_end); });
     }},
    {"marquee_window_exact", kGauge, "leaderboard, group",
     "1 when the current window's result is exact, 0 when a budget or a hole in the input may have touched it.",
     [](const Scrape& s, Series& out) {
       collect_boards(s, out, [](const ResultRecord& r) { return r.exact ? 1.0 : 0.0; });
     }},
    {"marquee_groups_left_out", kGauge, "", "Groups that marquee_top_* and marquee_window_* leave out, over the cap.",
     [](const Scrape& s, Series& out) { out.add(std::uint64_t{s.boards_left_out}); }},

    {"marquee_http_requests_total", kCounter, "code", "HTTP requests answered.",
     [](const Scrape& s, Series& out) {
       for (std::size_t i = 0; i < kHttpStatuses.size(); ++i) {
         out.add(s.http.requests[i].load(std::memory_order_relaxed), {{"code", std::to_string(kHttpStatuses[i])}});
       }
     }},
    {"marquee_http_connections", kGauge, "", "HTTP connections open.",
     [](const Scrape& s, Series& out) { out.add(s.http.connections_open.load(std::memory_order_relaxed)); }},
    {"marquee_http_connections_total", kCounter, "", "HTTP connections accepted.",
     [](const Scrape& s, Series& out) { out.add(s.http.connections.load(std::memory_order_relaxed)); }},
    {"marquee_http_streams", kGauge, "", "HTTP connections that are event streams.",
     [](const Scrape& s, Series& out) { out.add(s.http.streams_open.load(std::memory_order_relaxed)); }},
    {"marquee_http_evictions_total", kCounter, "", "Idle HTTP connections closed to make room for new ones.",
     [](const Scrape& s, Series& out) { out.add(s.http.evicted.load(std::memory_order_relaxed)); }},
    {"marquee_http_timeouts_total", kCounter, "", "HTTP requests and responses given up because the client was slow.",
     [](const Scrape& s, Series& out) { out.add(s.http.timeouts.load(std::memory_order_relaxed)); }},

    {"marquee_process_resident_memory_bytes", kGauge, "", "Resident memory.",
     [](const Scrape& s, Series& out) { out.add(s.process.resident_bytes); }},
    {"marquee_process_virtual_memory_bytes", kGauge, "", "Virtual memory.",
     [](const Scrape& s, Series& out) { out.add(s.process.virtual_bytes); }},
    {"marquee_process_cpu_seconds_total", kCounter, "", "CPU time of all threads, user and system.",
     [](const Scrape& s, Series& out) { out.add(s.process.cpu_s); }},
    {"marquee_process_threads", kGauge, "", "Threads.",
     [](const Scrape& s, Series& out) { out.add(s.process.threads); }},
    {"marquee_process_open_fds", kGauge, "", "File descriptors open.",
     [](const Scrape& s, Series& out) { out.add(s.process.open_fds); }},
    {"marquee_process_max_fds", kGauge, "", "File descriptors allowed.",
     [](const Scrape& s, Series& out) { out.add(s.process.max_fds); }},
    {"marquee_process_start_time_seconds", kGauge, "", "When the process started, as Unix time.",
     [](const Scrape& s, Series& out) { out.add(s.process.start_time_s); }},
};

constexpr std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "untyped";
  }
}

}  // namespace

class Metrics::Collector final : public prometheus::Collectable {
 public:
  Collector(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
            const HttpProbe& http)
      : config_(config), job_(job), probe_(probe), board_(board), http_(http), item_labels_(config.item_labels_max) {}

  std::vector<MetricFamily> Collect() const override {
    const std::shared_ptr<const Snapshot> snapshot = board_.get();
    ProcessUsage process = process_usage();
    process.start_time_s = start_time_s_;
    std::size_t left_out = 0;
    const std::vector<ExportedBoard> boards = exported(*snapshot, left_out);
    const std::vector<PartitionFigures::Figure> partitions = probe_.by_partition.get();
    const Scrape scrape{config_, probe_, http_, *snapshot, boards, left_out, process, item_labels_, job_, partitions};

    std::vector<MetricFamily> families;
    families.reserve(std::size(kMetrics));
    for (const MetricRow& row : kMetrics) {
      MetricFamily family{std::string(row.name), std::string(row.help), row.type, {}};
      Series series(row.type, family.metric);
      row.collect(scrape, series);
      if (!family.metric.empty()) families.push_back(std::move(family));
    }
    return families;
  }

 private:
  // As many groups as the cap has room for, in the snapshot's order, which is stable.
  std::vector<ExportedBoard> exported(const Snapshot& snapshot, std::size_t& left_out) const {
    std::vector<ExportedBoard> boards;
    std::size_t series_left = config_.top_series_max;
    for (std::size_t i = 0; i < snapshot.boards.size() && i < job_.leaderboards.size(); ++i) {
      const LeaderboardSpec& leaderboard = job_.leaderboards[i];
      for (const BoardEntry& entry : snapshot.boards[i]) {
        if (entry.current == nullptr) continue;
        if (series_left < leaderboard.top) {
          ++left_out;
          continue;
        }
        series_left -= leaderboard.top;
        boards.push_back({&leaderboard, group_label(entry.current->group), entry.current.get()});
      }
    }
    return boards;
  }

  const ServeConfig config_;
  const JobSpec& job_;
  const Probe& probe_;
  const SnapshotBoard& board_;
  const HttpProbe& http_;
  const double start_time_s_ = process_usage().start_time_s;  // read once: it must not waver with the clock
  mutable ItemLabels item_labels_;                            // Collect() is const by its interface
};

Metrics::Metrics(const ServeConfig& config, const JobSpec& job, const Probe& probe, const SnapshotBoard& board,
                 const HttpProbe& http)
    : collector_(std::make_unique<Collector>(config, job, probe, board, http)) {}

Metrics::~Metrics() = default;

std::string Metrics::text() {
  const prometheus::TextSerializer serializer;
  return serializer.Serialize(collector_->Collect());
}

std::string group_label(const std::vector<std::string>& group) {
  if (group.size() == 1) return group.front();
  std::string out = "[";
  for (const std::string& value : group) {
    if (out.size() > 1) out += ',';
    append_json_string(out, value);
  }
  return out += ']';
}

std::string metrics_markdown() {
  std::string out = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const MetricRow& row : kMetrics) {
    out += "| `";
    out += row.name;
    out += "` | ";
    out += type_name(row.type);
    out += " | ";
    out += row.labels;
    out += " | ";
    out += row.help;
    out += " |\n";
  }
  return out;
}

}  // namespace marquee

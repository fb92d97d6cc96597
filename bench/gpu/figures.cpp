#include "figures.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>

#include "core/result.hpp"
#include "cpu/cpu_engine.hpp"

// Ends the calling function with the Status of the first call that fails.
#define MARQUEE_TRY(call) \
  if (Status status_of_call = (call); !status_of_call.ok()) return status_of_call

namespace marquee::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kEventBytes = 16;  // of columns
constexpr double kRowBytes = 16;    // of a row's key and views

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::pair<std::string, std::string> with(const char* name, std::uint64_t value) {
  return {name, std::to_string(value)};
}
std::pair<std::string, std::string> with(const char* name, std::string_view value) {
  return {name, json_text(value)};
}

Status right_or(const std::string& what, const std::string& wrong) {
  if (wrong.empty()) return {};
  return {Code::kInternal, "wrong answer, so no figure: " + what + ": " + wrong};
}

// values[rounds] of what `one` measures.
template <class One>
Result<std::vector<double>> rounds_of(int rounds, const One& one) {
  std::vector<double> values;
  for (int i = 0; i < rounds; ++i) {
    const Result<double> value = one();
    if (!value.ok()) return value.status();
    values.push_back(value.value());
  }
  return values;
}

// Each of `values` seconds as `amount` a second.
std::vector<double> rates(double amount, std::vector<double> values) {
  for (double& value : values) value = amount / value;
  return values;
}

JobSpec job_of(std::uint32_t top, std::uint32_t items, std::uint32_t groups) {
  JobSpec job;
  job.leaderboards.resize(1);
  job.leaderboards[0].top = top;
  job.budgets = {items + 1, kCombinations, groups, std::uint64_t{items} + 1, 4};
  return job;
}

// One CPU engine a core, each with its own share of the keys: nothing is shared, nothing is merged.
class CpuEngines {
 public:
  CpuEngines(unsigned cores, const JobSpec& job, const Texts& texts) {
    engines_.reserve(cores);
    for (unsigned i = 0; i < cores; ++i) {
      engines_.push_back(make_cpu_engine({&job, &texts, 1u << 16}));
    }
  }
  Engine& at(unsigned i) { return *engines_[i]; }
  unsigned count() const { return static_cast<unsigned>(engines_.size()); }

  // Seconds from the moment all threads are there until the last has done work(i).
  Result<double> together(const std::function<Status(unsigned)>& work) {
    std::vector<Status> ends(count());
    std::vector<std::thread> threads;
    std::atomic<unsigned> ready = 0;
    std::atomic<bool> go = false;
    for (unsigned i = 0; i < count(); ++i) {
      threads.emplace_back([&, i] {
        ++ready;
        go.wait(false);
        ends[i] = work(i);
      });
    }
    while (ready != count()) std::this_thread::yield();
    const Clock::time_point begin = Clock::now();
    go = true;
    go.notify_all();
    for (std::thread& thread : threads) thread.join();
    const double seconds = since(begin);
    for (const Status& end : ends) MARQUEE_TRY(end);
    return seconds;
  }

 private:
  std::vector<std::unique_ptr<Engine>> engines_;
};

class Measuring {
 public:
  Measuring(gpu::Trials& gpu, const Scale& scale, Figures& out)
      : gpu_(gpu),
        scale_(scale),
        out_(out),
        cores_(scale.cores != 0 ? scale.cores : std::max(1u, std::thread::hardware_concurrency())) {}

  Status all() {
    MARQUEE_TRY(copies());
    MARQUEE_TRY(launches());
    for (const std::uint32_t keys : scale_.keys) {
      for (const Skew skew : {Skew::kUniform, Skew::kZipf, Skew::kHot30}) MARQUEE_TRY(aggregation(keys, skew));
    }
    for (const std::uint32_t batch : scale_.pinned_batches) MARQUEE_TRY(from_pinned(batch));
    MARQUEE_TRY(hand_over(scale_.pinned_batches.front()));
    for (const std::uint32_t groups : scale_.groups) {
      for (const Spread spread : {Spread::kZipf, Spread::kUniform}) MARQUEE_TRY(ranking(groups, spread, scale_.tops));
    }
    return ranking(scale_.groups.front(), Spread::kTied, {scale_.tops[scale_.tops.size() / 2]});
  }

 private:
  Status copies() {
    struct Path {
      gpu::CopyPath path;
      const char* name;
      double moved;  // bytes by the byte: within the device each is read and written
      double& bandwidth;
    };
    double back = 0;
    for (const Path& path : {Path{gpu::CopyPath::kHostToDevice, "copy_host_to_device", 1, out_.pcie_copy},
                             Path{gpu::CopyPath::kDeviceToHost, "copy_device_to_host", 1, back},
                             Path{gpu::CopyPath::kWithinDevice, "copy_within_device", 2, out_.device_copy}}) {
      for (const std::size_t size : scale_.copy_bytes) {
        const auto times =
            static_cast<unsigned>(std::clamp<std::size_t>((std::size_t{1} << 30) / size, 1, scale_.copies_max));
        const auto seconds = rounds_of(scale_.rounds, [&] { return gpu_.copy_seconds(path.path, size, times); });
        if (!seconds.ok()) return seconds.status();
        const Settings settings{with("bytes", size)};
        out_.add(path.name, settings, "GB/s", rates(static_cast<double>(size) * path.moved / 1e9, seconds.value()));
        path.bandwidth = *out_.median(path.name, settings) * 1e9;  // of the largest, which comes last
      }
    }
    return {};
  }

  Status launches() {
    const auto in_us = [](std::vector<double> seconds) {
      for (double& value : seconds) value *= 1e6;
      return seconds;
    };
    const auto back_to_back = rounds_of(scale_.rounds, [&] { return gpu_.launch_seconds(scale_.launches); });
    if (!back_to_back.ok()) return back_to_back.status();
    out_.add("launch", {}, "us", in_us(back_to_back.value()));
    const auto waited = rounds_of(scale_.rounds, [&] { return gpu_.launch_and_wait_seconds(scale_.launches / 10); });
    if (!waited.ok()) return waited.status();
    out_.add("launch_and_wait", {}, "us", in_us(waited.value()));
    return {};
  }

  // Events that lie on the device: our kernel, Thrust, and the CPU engines beside them.
  Status aggregation(std::uint32_t keys, Skew skew) {
    const Events events = make_events(keys, skew, scale_.events);
    const double count = events.size();
    Settings settings{with("engine", "cuda"), with("keys", keys), with("skew", name_of(skew))};
    std::vector<std::uint32_t> group_of_combinations{0};
    for (std::uint32_t c = 1; c <= kCombinations; ++c) group_of_combinations.push_back(raw(group_of_combination(c)));
    MARQUEE_TRY(gpu_.load_events({events.item, events.combination, events.watch_ms}, keys, group_of_combinations));
    settings.push_back({});
    for (const std::uint32_t batch : scale_.batches) {
      settings.back() = with("batch", batch);
      const auto seconds = rounds_of(scale_.rounds, [&] { return gpu_.aggregate(batch); });
      if (!seconds.ok()) return seconds.status();
      const auto entries = gpu_.aggregated();
      if (!entries.ok()) return entries.status();
      MARQUEE_TRY(right_or("aggregation", difference(entries.value(), events.expected)));
      add_rate("aggregate", settings, count, seconds.value());
    }
    settings.pop_back();
    settings[0] = with("engine", "thrust sort + reduce");
    const auto sorting = rounds_of(scale_.rounds, [&] { return gpu_.sort_and_reduce(); });
    if (!sorting.ok()) return sorting.status();
    const auto reduced = gpu_.reduced();
    if (!reduced.ok()) return reduced.status();
    MARQUEE_TRY(right_or("sort and reduce", difference(reduced.value(), events.expected)));
    add_rate("aggregate", settings, count, sorting.value());
    return aggregation_on_cpu(events, keys, settings);
  }

  // In its favour: the keys are there already, and nobody has to split the events.
  Status aggregation_on_cpu(const Events& events, std::uint32_t keys, Settings settings) {
    const JobSpec job = job_of(10, keys, kGroups);
    const ItemTexts texts(0);
    CpuEngines engines(cores_, job, texts);
    std::vector<Events> parts;
    std::vector<std::unique_ptr<Batches>> batches;
    for (unsigned i = 0; i < cores_; ++i) {
      parts.push_back(part_of(events, i, cores_));
      batches.push_back(std::make_unique<Batches>(parts.back(), 1u << 14));
    }
    for (unsigned i = 0; i < cores_; ++i) map_combinations(engines.at(i));
    std::vector<const Partials*> partials(cores_);
    const auto aggregate = [&](unsigned i) { return batches[i]->submit_all(engines.at(i)); };
    const auto end = [&](unsigned i) -> Status {
      const Result<const Partials*> ended = engines.at(i).end_epoch();
      if (!ended.ok()) return ended.status();
      partials[i] = ended.value();
      return {};
    };
    // As on the GPU, the end of the epoch is not in it.
    const auto round = [&]() -> Result<double> {
      const Result<double> seconds = engines.together(aggregate);
      if (!seconds.ok()) return seconds.status();
      const Result<double> ended = engines.together(end);
      return ended.ok() ? seconds : ended;
    };
    if (const auto warm = round(); !warm.ok()) return warm.status();
    const auto seconds = rounds_of(scale_.rounds, round);
    if (!seconds.ok()) return seconds.status();
    for (unsigned i = 0; i < cores_; ++i) {
      MARQUEE_TRY(right_or("the CPU engine's aggregation", difference(*partials[i], parts[i].expected)));
    }
    settings[0] = with("engine", "cpu");
    settings.push_back(with("cores", cores_));
    add_rate("aggregate", settings, events.size(), seconds.value());
    return {};
  }

  void add_rate(const std::string& name, const Settings& settings, double events, const std::vector<double>& seconds) {
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    out_.add(name, settings, "G events/s", rates(events / 1e9, seconds),
             kEventBytes * events / sorted[sorted.size() / 2]);
  }

  // A CUDA engine and batches that it has pinned.
  struct Pinned {
    Pinned(const Scale& scale, std::uint32_t batch)
        : events(make_events(scale.pinned_keys, Skew::kZipf, scale.pinned_events)),
          batches(events, batch),
          job(job_of(10, scale.pinned_keys, kGroups)),
          texts(0) {}
    Status open(gpu::Trials& gpu, std::uint32_t batch) {
      EngineConfig config{&job, &texts, batch};
      config.epoch_rows_max = events.size();
      config.batch_columns = batches.columns();
      Result<std::unique_ptr<Engine>> made = gpu.make_engine(config);
      if (!made.ok()) return made.status();
      engine = std::move(made.value());
      map_combinations(*engine);
      return {};
    }
    Status end_epoch() {
      const Result<const Partials*> ended = engine->end_epoch();
      if (!ended.ok()) return ended.status();
      return right_or("an epoch of batches from pinned memory", difference(*ended.value(), events.expected));
    }
    Events events;
    Batches batches;
    JobSpec job;
    ItemTexts texts;
    std::unique_ptr<Engine> engine;
  };

  // From the first submit() until all is aggregated, the table having the keys already; and the end of the epoch too.
  Status from_pinned(std::uint32_t batch) {
    Pinned pinned(scale_, batch);
    MARQUEE_TRY(pinned.open(gpu_, batch));
    std::vector<double> aggregated;
    std::vector<double> folded;
    for (int i = 0; i <= scale_.rounds; ++i) {
      const Clock::time_point begin = Clock::now();
      MARQUEE_TRY(pinned.batches.submit_all(*pinned.engine));
      MARQUEE_TRY(gpu::Trials::settle(*pinned.engine));
      const double until_aggregated = since(begin);
      const Result<const Partials*> ended = pinned.engine->end_epoch();
      const double until_folded = since(begin);
      if (!ended.ok()) return ended.status();
      MARQUEE_TRY(right_or("batches from pinned memory", difference(*ended.value(), pinned.events.expected)));
      if (i == 0) continue;  // tables grow
      aggregated.push_back(until_aggregated);
      folded.push_back(until_folded);
    }
    const Settings settings{with("engine", "cuda"), with("keys", scale_.pinned_keys),
                            with("skew", name_of(Skew::kZipf)), with("batch", batch)};
    add_rate("pinned_to_aggregated", settings, scale_.pinned_events, aggregated);
    add_rate("pinned_to_end_of_epoch", settings, scale_.pinned_events, folded);
    return {};
  }

  // One batch at a time, the device idle before.
  Status hand_over(std::uint32_t batch) {
    Pinned pinned(scale_, batch);
    MARQUEE_TRY(pinned.open(gpu_, batch));
    std::vector<double> us;
    for (bool warm = false; us.size() < scale_.hand_overs; warm = true) {
      for (std::size_t i = 0; i < pinned.batches.size(); ++i) {
        const Clock::time_point begin = Clock::now();
        MARQUEE_TRY(pinned.batches.submit(*pinned.engine, i));
        MARQUEE_TRY(gpu::Trials::settle(*pinned.engine));
        if (warm) us.push_back(since(begin) * 1e6);
      }
      MARQUEE_TRY(pinned.end_epoch());
    }
    out_.add("hand_over_to_aggregated",
             {with("engine", "cuda"), with("keys", scale_.pinned_keys), with("skew", name_of(Skew::kZipf)),
              with("batch", batch)},
             "us", us);
    return {};
  }

  Status ranking(std::uint32_t groups, Spread spread, const std::vector<std::uint32_t>& tops) {
    const std::vector<PartialRow> rows = make_rows(scale_.rows, groups, spread);
    const ItemTexts texts(scale_.rows);
    std::uint64_t views_max = 0;
    for (const PartialRow& row : rows) views_max = std::max(views_max, row.views);
    MARQUEE_TRY(gpu_.load_rows(rows));
    const auto sorting = rounds_of(scale_.rounds, [&] { return gpu_.sort_rows(groups + 1, views_max); });
    if (!sorting.ok()) return sorting.status();
    const auto order = gpu_.sorted_rows();
    if (!order.ok()) return order.status();
    const Settings rows_of{with("rows", scale_.rows), with("groups", groups), with("spread", name_of(spread))};
    const auto add = [&](std::string_view engine, std::uint32_t top, std::string_view floor,
                         std::vector<double> seconds) {
      for (double& value : seconds) value *= 1e3;
      std::vector<double> sorted = seconds;
      std::sort(sorted.begin(), sorted.end());
      Settings settings{with("engine", engine)};
      settings.insert(settings.end(), rows_of.begin(), rows_of.end());
      settings.push_back(with("top", top));
      settings.push_back(with("floor", floor));
      out_.add("rank", settings, "ms", std::move(seconds), kRowBytes * scale_.rows / sorted[sorted.size() / 2] * 1e3);
    };
    for (const std::uint32_t top : tops) {
      const Ranking expected = best_rows(rows, top, texts);
      MARQUEE_TRY(right_or("a full sort", first_of(order.value(), rows, expected)));
      add("cub radix sort of all", top, "no", sorting.value());
      for (const bool on_gpu : {true, false}) {
        JobSpec job = job_of(top, scale_.rows, groups);
        Result<std::vector<double>> seconds[2] = {std::vector<double>(), std::vector<double>()};
        MARQUEE_TRY(on_gpu ? rank_on_gpu(job, texts, rows, expected, seconds)
                           : rank_on_cpu(job, texts, rows, expected, seconds));
        for (const bool floor : {false, true}) {
          add(on_gpu ? "cuda" : "cpu", top, floor ? "yes" : "no", seconds[floor ? 1 : 0].value());
        }
      }
    }
    return {};
  }

  // The views of each group's first rows in an order are those expected; which of equals comes first is open.
  static std::string first_of(const std::vector<std::uint32_t>& order, const std::vector<PartialRow>& rows,
                              const Ranking& expected) {
    std::vector<std::uint32_t> passed(expected.groups.empty() ? 1 : raw(expected.groups.back().group) + 1);
    std::vector<const RankedGroup*> wanted(passed.size());
    for (const RankedGroup& group : expected.groups) wanted[raw(group.group)] = &group;
    if (order.size() != rows.size()) return "another number of rows";
    for (const std::uint32_t at : order) {
      if (at >= rows.size() || raw(rows[at].group) >= wanted.size()) return "no such row";
      const RankedGroup* const group = wanted[raw(rows[at].group)];
      const std::uint32_t place = passed[raw(rows[at].group)]++;
      if (place < group->row_count && rows[at].views != expected.rows[group->first_row + place].views) {
        return "another row at place " + std::to_string(place + 1);
      }
    }
    return {};
  }

  static constexpr RankQuery query(bool hot) { return {LeaderboardIndex{0}, {PaneIndex{0}, PaneIndex{0}}, hot}; }

  Status rank_on_gpu(const JobSpec& job, const ItemTexts& texts, const std::vector<PartialRow>& rows,
                     const Ranking& expected, Result<std::vector<double>> seconds[2]) {
    EngineConfig config{&job, &texts, 1024};
    config.epoch_rows_max = 1u << 20;
    Result<std::unique_ptr<Engine>> made = gpu_.make_engine(config);
    if (!made.ok()) return made.status();
    Engine& engine = *made.value();
    for (std::uint32_t i = 1; i <= scale_.rows; ++i) engine.name_item(ItemId{i}, texts.item_text(ItemId{i}));
    PanePartials partials;
    partials.rows = rows;
    MARQUEE_TRY(engine.restore(partials));
    if (const auto ended = engine.end_epoch(); !ended.ok()) return ended.status();  // texts are there
    Ranking ranking;
    for (const bool floor : {false, true}) {
      MARQUEE_TRY(engine.rank(query(floor), ranking));  // warms up, and makes the floor
      seconds[floor ? 1 : 0] = rounds_of(scale_.rounds, [&]() -> Result<double> {
        const Clock::time_point begin = Clock::now();
        MARQUEE_TRY(engine.rank(query(floor), ranking));
        return since(begin);
      });
      if (!seconds[floor ? 1 : 0].ok()) return seconds[floor ? 1 : 0].status();
      MARQUEE_TRY(right_or("a ranking", difference(ranking, expected)));
    }
    return {};
  }

  // Each core has whole groups.
  Status rank_on_cpu(const JobSpec& job, const ItemTexts& texts, const std::vector<PartialRow>& rows,
                     const Ranking& expected, Result<std::vector<double>> seconds[2]) {
    CpuEngines engines(cores_, job, texts);
    std::vector<PanePartials> parts(cores_);
    for (const PartialRow& row : rows) parts[raw(row.group) % cores_].rows.push_back(row);
    for (unsigned i = 0; i < cores_; ++i) MARQUEE_TRY(engines.at(i).restore(parts[i]));
    std::vector<Ranking> rankings(cores_);
    for (const bool floor : {false, true}) {
      const auto rank = [&](unsigned i) { return engines.at(i).rank(query(floor), rankings[i]); };
      if (const auto warm = engines.together(rank); !warm.ok()) return warm.status();
      seconds[floor ? 1 : 0] = rounds_of(scale_.rounds, [&] { return engines.together(rank); });
      if (!seconds[floor ? 1 : 0].ok()) return seconds[floor ? 1 : 0].status();
      Ranking all;
      for (const Ranking& part : rankings) {
        for (RankedGroup group : part.groups) {
          const auto first = part.rows.begin() + group.first_row;
          group.first_row = static_cast<std::uint32_t>(all.rows.size());
          all.rows.insert(all.rows.end(), first, first + group.row_count);
          all.groups.push_back(group);
        }
      }
      MARQUEE_TRY(right_or("the CPU engine's ranking", difference(all, expected)));
    }
    return {};
  }

  gpu::Trials& gpu_;
  const Scale& scale_;
  Figures& out_;
  const unsigned cores_;
};

}  // namespace

Scale Scale::quick() {
  Scale scale;
  scale.rounds = 3;
  scale.copy_bytes = {std::size_t{256} << 10, std::size_t{16} << 20};
  scale.copies_max = 64;
  scale.launches = 1'000;
  scale.events = 1u << 18;
  scale.keys = {10'000, 200'000};
  scale.batches = {1u << 12, 1u << 16};
  scale.pinned_events = 1u << 18;
  scale.pinned_keys = 50'000;
  scale.pinned_batches = {1u << 16};
  scale.hand_overs = 40;
  scale.rows = 200'000;
  scale.groups = {3, 1'000};
  scale.tops = {100};
  return scale;
}

void Figures::add(const std::string& name, const Settings& with, const std::string& unit, std::vector<double> values,
                  double bytes_a_second) {
  Figure& figure = all_.emplace_back();
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  figure = {name,
            with,
            unit,
            std::move(values),
            sorted[sorted.size() / 2],
            sorted[std::min(sorted.size() - 1, sorted.size() * 99 / 100)],
            bytes_a_second};
  std::string line = name;
  for (const auto& [key, value] : with) line += " " + key + "=" + value;
  std::printf("%-104s %10.4g %s (%.4g to %.4g)", line.c_str(), figure.median, unit.c_str(), sorted.front(),
              sorted.back());
  if (bytes_a_second > 0) {
    std::printf(", %.3g of the device's copy, %.3g of PCIe's", bytes_a_second / device_copy,
                bytes_a_second / pcie_copy);
  }
  std::printf("\n");
  std::fflush(stdout);
}

std::optional<double> Figures::median(const std::string& name, const Settings& with) const {
  for (auto figure = all_.rbegin(); figure != all_.rend(); ++figure) {
    if (figure->name == name && figure->with == with) return figure->median;
  }
  return std::nullopt;
}

std::string Figures::json() const {
  constexpr std::size_t kListed = 32;  // values; of more, the number of them
  std::string out = "[";
  for (const Figure& figure : all_) {
    out += (out.size() > 1 ? ",\n  " : "\n  ") + ("{\"figure\": " + json_text(figure.name));
    for (const auto& [key, value] : figure.with) out += ", " + json_text(key) + ": " + value;
    out += ", \"unit\": " + json_text(figure.unit) + ", \"median\": " + number(figure.median) +
           ", \"p99\": " + number(figure.p99);
    if (figure.values.size() > kListed) {
      out += ", \"rounds\": " + std::to_string(figure.values.size());
    } else {
      out += ", \"all\": [";
      for (std::size_t i = 0; i < figure.values.size(); ++i) out += (i > 0 ? ", " : "") + number(figure.values[i]);
      out += "]";
    }
    if (figure.bytes_a_second > 0) {
      out += ", \"share_of_device_copy\": " + number(figure.bytes_a_second / device_copy) +
             ", \"share_of_pcie_copy\": " + number(figure.bytes_a_second / pcie_copy);
    }
    out += "}";
  }
  return out + "\n ]";
}

Status measure(gpu::Trials& gpu, const Scale& scale, Figures& out) {
  return Measuring(gpu, scale, out).all();
}

}  // namespace marquee::bench

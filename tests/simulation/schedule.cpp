#include "simulation/schedule.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "cpu/cpu_engine.hpp"
#include "differential/rng.hpp"
#include "pipeline/model_engine.hpp"
#include "simulation/auditor.hpp"
#include "simulation/job.hpp"
#include "simulation/process.hpp"

namespace simulation {
namespace {

using namespace marquee;
using differential::Rng;

// Others wait, as the ports say, until they can be done.
constexpr std::string_view kCanFail[] = {"acquire", "abort", "begin", "append", "base", "write", "commit", "trim"};
constexpr std::uint64_t kStepsMax = 200'000;  // far more than any schedule needs: it hangs

class World final : public Fate {
 public:
  World(std::uint64_t seed, bool loud) : rng_(seed), loud_(loud), job_(make_job(rng_)), input_(make_input(rng_)) {
    outside_.messages = input_.messages;
    outside_.removed = outside_.published = input_.removed;
    for (std::size_t p = 0; p < outside_.removed.size(); ++p) {
      if (outside_.removed[p] == 0) continue;
      published_ = std::max(published_, input_.order[p][outside_.removed[p] - 1]);
      whole_from_ms_ = std::numeric_limits<std::int64_t>::max();
    }
    outside_.existing = outside_.messages.size() - (input_.late_from ? 1 : 0);
    outside_.log.resize(1 + rng_.below(3));
    options_.batch_bytes = 64u << 10;
    options_.keep_dead_letters = options_.keep_late_letters = true;
    options_.takeover_pause_ms = options_.retry_pause_ms = 0;
    trouble_ = rng_.below(60);
    damage_ = rng_.one_in(5);
    changes_ = rng_.chance(40);
    specs_.push_back(std::make_unique<JobSpec>(job_.spec));
  }

  Verdicts run() {
    while (calm_ <= 500) {
      if (++verdicts_.counts.steps > kStepsMax) {
        say("it hangs: " + describe());
        break;
      }
      step();
      look();
      if (!verdicts_.wrong.empty() || refused_) break;
    }
    if (verdicts_.wrong.empty()) {
      outside_.settle();
      Expected expected;
      expected.config = &job_.config;
      expected.lives = lives_;
      expected.has_room = job_.has_room;
      expected.groups_have_room = job_.groups_have_room;
      expected.whole_from_ms = whole_from_ms_;
      expected.all_read = !refused_;
      expected.commits_judged = damaged_ ? commits_before_damage_ : outside_.history.size();
      for (std::string& what : audit(outside_, expected)) say(std::move(what));
    }
    verdicts_.counts.processes = started_;
    verdicts_.counts.bases = outside_.bases;
    verdicts_.counts.base_parts = outside_.base_parts;
    verdicts_.counts.pane_logs_damaged = damaged_ ? 1 : 0;
    verdicts_.counts.damages_refused = refused_ ? 1 : 0;
    return std::move(verdicts_);
  }

  // --- Fate
  Outcome at(std::string_view call) override {
    Actor* const actor = acting_;
    if (actor == nullptr || trouble_ == 0) return Outcome::kDone;
    // While one is in a call, others go on; now and then for long, or one that was not there before.
    if (depth_ == 0 && processes_.size() == 1 && rng_.one_in(300)) {
      ++verdicts_.counts.takeovers;
      start();
    }
    if (depth_ == 0 && processes_.size() > 1 && rng_.one_in(3)) {
      ++depth_;
      for (std::size_t n = rng_.below(rng_.one_in(8) ? 200 : 12); n > 0; --n) {
        if (rng_.one_in(6)) publish();
        act(*rng_.pick(processes_));
      }
      --depth_;
      acting_ = actor;
    }
    const bool can_fail = std::find(std::begin(kCanFail), std::end(kCanFail), call) != std::end(kCanFail);
    if (trouble_ == 0 || !rng_.one_in(can_fail ? 25 : 100)) return Outcome::kDone;
    const std::size_t kind = rng_.below(6);
    if (kind < 2) {
      --trouble_;
      ++verdicts_.counts.kills;
      throw Killed{};
    }
    if (!can_fail) return Outcome::kDone;
    --trouble_;
    ++verdicts_.counts.failed_calls;
    const bool commit = call == "commit";
    if (kind == 2) return Outcome::kAborted;
    if (kind == 3) return commit ? Outcome::kDoneUnheard : Outcome::kAborted;
    if (kind == 4) return commit ? Outcome::kLostUnheard : Outcome::kLost;
    return Outcome::kLost;
  }

 private:
  struct Actor {
    std::unique_ptr<Process> process;
    bool killed = false;
    bool busy = false;     // on the stack
    bool leaving = false;  // was told to
    int frozen = 0;        // steps
  };

  void say(std::string what) { verdicts_.wrong.push_back(std::move(what)); }

  void step() {
    std::erase_if(processes_, [](const auto& a) { return !a->busy && (a->killed || a->process->has_left()); });
    if (processes_.empty() || (trouble_ > 0 && processes_.size() == 1 && rng_.one_in(400))) {
      if (!processes_.empty()) ++verdicts_.counts.takeovers;
      if (processes_.empty() && trouble_ > 0) meddle();
      start();
      calm_ = 0;
    }
    if (rng_.one_in(6)) publish();
    if (rng_.one_in(20)) outside_.settle();
    Actor& actor = *rng_.pick(processes_);
    if (trouble_ > 0 && rng_.one_in(150)) disturb(actor);
    act(actor);
    const std::int64_t ms = rng_.between(0, 3);
    for (const auto& a : processes_) a->process->advance_ms(ms);
    const bool read = outside_.everything_read();
    // Once everything is read there is still some trouble, for a while.
    if (read && trouble_ > 0 && rng_.one_in(100)) --trouble_;
    calm_ = read && trouble_ == 0 && actor.frozen == 0 ? calm_ + 1 : 0;
  }

  // From without, between two steps.
  void disturb(Actor& actor) {
    --trouble_;
    switch (rng_.below(4)) {
      case 0:
        ++verdicts_.counts.kills;
        actor.killed = true;
        break;
      case 1:
        ++verdicts_.counts.told_to_leave;
        actor.leaving = true;
        actor.process->leave();
        break;
      default:
        actor.frozen = static_cast<int>(rng_.below(300));
        if (rng_.one_in(3)) outside_.begin_session();  // its transaction's time is over meanwhile
        break;
    }
  }

  // While nobody runs.
  void meddle() {
    if (changes_ && rng_.one_in(4)) change_job();
    if (damage_ && rng_.one_in(3)) damage();
    if (rng_.one_in(4)) forget_offset();
  }

  void act(Actor& actor) {
    if (actor.busy || actor.killed || actor.process->has_left()) return;
    if (actor.frozen > 0) {
      --actor.frozen;
      return;
    }
    actor.busy = true;
    Actor* const before = std::exchange(acting_, &actor);
    try {
      actor.process->step();
    } catch (const Killed&) {
      actor.killed = true;
    }
    acting_ = before;
    actor.busy = false;
    if (!actor.killed && actor.process->has_left()) left(actor);
  }

  void left(const Actor& actor) {
    const Process& process = *actor.process;
    const Status& status = process.status();
    if (loud_) std::fprintf(stderr, "  %s leaves: %s\n", process.name().c_str(), status.message().c_str());
    if (status.code() == Code::kFenced) return;
    // Told to, a failure is left for whoever starts next.
    if (actor.leaving && (status.ok() || status.code() == Code::kUnavailable || Generations::can_answer(status)))
      return;
    if (damaged_ && status.code() == Code::kInternal) {
      refused_ = true;
      return;
    }
    say(process.name() + " left: " + status.message());
  }

  void start() {
    options_.instance = "p" + std::to_string(++started_);
    options_.lanes = 1 + rng_.below(2);
    options_.batch_events = static_cast<std::uint32_t>(8 + rng_.below(60));
    options_.linger_ms = rng_.between(0, 20);
    options_.commit_every_ms = rng_.between(1, 80);
    options_.epoch_rows_max = rng_.chance(30) ? 20 + rng_.below(200) : 1u << 20;
    options_.base_bytes_besides = rng_.below(3'000);
    const std::size_t value_bytes_max = 1'000 + rng_.below(rng_.chance(50) ? 500 : 8'000);
    if (loud_) std::fprintf(stderr, "  %s starts\n", options_.instance.c_str());
    auto actor = std::make_unique<Actor>();
    const EngineFactory engine = [this](const EngineConfig& config,
                                        std::unique_ptr<Engine> lost) -> Result<std::unique_ptr<Engine>> {
      if (lost != nullptr) ++verdicts_.counts.engines_lost;
      if (rng_.chance(lost != nullptr ? 50 : 30)) return make_cpu_engine(config);
      return std::unique_ptr<Engine>(std::make_unique<test::ModelEngine>(config, [this](std::string_view) {
        if (acting_ == nullptr || trouble_ == 0 || !rng_.one_in(700)) return Status{};
        --trouble_;
        return Status{Code::kUnavailable, "the device is lost"};
      }));
    };
    actor->process = std::make_unique<Process>(outside_, *this, *specs_.back(), options_, value_bytes_max,
                                               Rng(rng_.next()), loud_, engine);
    processes_.push_back(std::move(actor));
  }

  void publish() {
    const std::size_t last = outside_.messages.size() - 1;
    const bool late_comes = input_.late_from && outside_.existing == last;
    const bool late_was_read = outside_.offsets.contains(static_cast<std::uint32_t>(last)) &&
                               outside_.offsets.at(static_cast<std::uint32_t>(last)).next > 0;
    const auto may = [&](std::size_t p) {
      const std::size_t next = outside_.published[p];
      if (p >= outside_.existing || next == outside_.messages[p].size()) return false;
      return !input_.late_from || p == last || late_was_read || input_.order[p][next] < *input_.late_from;
    };
    std::vector<std::size_t> some;
    for (std::size_t p = 0; p < outside_.messages.size(); ++p) {
      if (may(p)) some.push_back(p);
    }
    if (late_comes && (some.empty() || rng_.one_in(40))) {
      ++verdicts_.counts.partitions_found;
      outside_.existing = outside_.messages.size();
    }
    if (some.empty()) return;
    const std::size_t p = rng_.pick(some);
    for (std::size_t n = 1 + rng_.below(10); n > 0 && may(p); --n) {
      published_ = std::max(published_, input_.order[p][outside_.published[p]]);
      ++outside_.published[p];
    }
  }

  // The next process runs with one leaderboard more, or less.
  void change_job() {
    ++verdicts_.counts.jobs_changed;
    if (rng_.chance(40)) {
      const std::optional<std::string> removed = remove_board(job_, rng_);
      if (removed) lives_[*removed].removed = true;
    } else {
      const std::string name = "board-" + std::to_string(job_.config.leaderboards.size());
      add_board(job_, rng_, name);
      lives_[name].added = true;
      added_before_[name] = started_ + 1;
    }
    specs_.push_back(std::make_unique<JobSpec>(job_.spec));
  }

  // Once the pane log says from when on an added leaderboard holds everything, it stays at that.
  void note_added() {
    for (; seen_ < outside_.history.size(); ++seen_) {
      const Past& past = outside_.history[seen_];
      note_whole(past);
      if (!past.has_log) continue;
      for (const auto& [partition, committed] : past.offsets) covered_[partition] = committed.next;
      const std::uint64_t process = std::stoull(past.by.substr(1));
      std::erase_if(added_before_, [&](const auto& added) {
        if (process < added.second) return false;
        lives_[added.first].exact_from_ms =
            time_max_ms(published_) + job_.config.disorder_ms + job_.config.lateness_ms + 1;
        return true;
      });
    }
  }

  // Once something was read of a partition of which something was removed, it is known how late that can have been.
  void note_whole(const Past& past) {
    if (!whole_from_ms_ || whole_known_) return;
    for (const auto& [partition, committed] : past.offsets) {
      const std::size_t removed = outside_.removed[partition];
      if (removed == 0 || committed.next <= outside_.messages[partition][removed].offset) continue;
      whole_known_ = true;
      whole_from_ms_ = time_max_ms(published_) + kPaneMsMax + job_.config.disorder_ms + job_.config.lateness_ms + 1;
    }
  }

  // Of a partition that nothing was read of, and that the pane log does not name: what a broker may forget.
  void forget_offset() {
    outside_.settle();
    note_added();
    for (const auto& [partition, committed] : outside_.offsets) {
      if (committed.next > 0 || covered_.contains(partition) || outside_.offsets.size() < 2) continue;
      ++verdicts_.counts.offsets_forgotten;
      outside_.offsets.erase(partition);
      return;
    }
  }

  // What a broker must not do, and what must be noticed: something of the pane log, or of the offsets that it covers,
  // is lost, or not what it was.
  void damage() {
    outside_.settle();
    note_added();
    std::vector<std::size_t> some;
    for (std::size_t p = 0; p < outside_.log.size(); ++p) {
      if (!outside_.log[p].empty()) some.push_back(p);
    }
    if (some.empty()) return;
    auto& values = outside_.log[rng_.pick(some)];
    const std::size_t i = rng_.below(values.size());
    switch (rng_.below(7)) {
      case 0: {
        std::size_t lost = i;
        if (rng_.chance(50)) {  // from within a base, where there is one
          for (std::size_t v = 1; v + 1 < values.size(); ++v) {
            if (values[v - 1].base && values[v].base && values[v + 1].base) lost = v;
          }
        }
        values.erase(values.begin() + static_cast<std::ptrdiff_t>(lost));
        break;
      }
      case 1:
        values[i].bytes[rng_.below(values[i].bytes.size())] ^= static_cast<char>(1 << rng_.below(8));
        break;
      case 2:
        values.resize(i);  // its end
        break;
      case 3:
        values.push_back(values.back());
        values.back().position += 1;
        break;
      case 4:
        for (auto& all : outside_.log) all.clear();
        break;
      case 5: {
        const auto lost = std::next(covered_.begin(), static_cast<std::ptrdiff_t>(rng_.below(covered_.size())));
        outside_.offsets.erase(lost->first);
        break;
      }
      default:
        if (!turn_back_offset()) return;
        break;
    }
    damaged_ = true;
    commits_before_damage_ = outside_.history.size();
    damage_ = false;
  }

  // To what was committed of a partition before what the pane log covers.
  bool turn_back_offset() {
    for (auto past = outside_.history.rbegin(); past != outside_.history.rend(); ++past) {
      for (const auto& [partition, committed] : past->offsets) {
        if (!covered_.contains(partition) || committed.next >= covered_.at(partition)) continue;
        outside_.offsets[partition] = committed;
        return true;
      }
    }
    return false;
  }

  std::string describe() const {
    std::string text = std::to_string(processes_.size()) + " processes, " + std::to_string(trouble_) + " trouble left";
    for (std::uint32_t p = 0; p < outside_.messages.size(); ++p) {
      const auto committed = outside_.offsets.find(p);
      text += "; partition " + std::to_string(p) + ": " +
              (committed == outside_.offsets.end() ? "-" : std::to_string(committed->second.next)) + " of " +
              std::to_string(outside_.messages[p].empty() ? 0 : outside_.messages[p].back().offset + 1);
    }
    return text;
  }

  // Nothing may be shown that has not committed.
  void look() {
    note_added();
    for (const auto& actor : processes_) {
      if (actor->process->epoch_shown() > outside_.epoch)
        say(actor->process->name() + " shows epoch " + std::to_string(actor->process->epoch_shown()) + ", and " +
            std::to_string(outside_.epoch) + " is committed");
    }
  }

  Rng rng_;
  bool loud_;
  Job job_;
  Input input_;
  Outside outside_;
  PipelineOptions options_;                      // of the process that started last
  std::vector<std::unique_ptr<JobSpec>> specs_;  // the last one is in force; others may still run
  std::size_t published_ = 0;                    // place in the input of the furthest message that can be read
  std::size_t trouble_ = 0;                      // so much of it is still to come
  bool changes_ = false;                         // leaderboards come and go
  bool damage_ = false;                          // something of the pane log is to be lost
  bool damaged_ = false;
  std::size_t commits_before_damage_ = 0;
  bool refused_ = false;    // and the process said so
  std::uint64_t calm_ = 0;  // steps since everything was read and nothing more is to happen
  std::uint64_t started_ = 0;
  std::map<std::string, BoardLife> lives_;
  std::map<std::string, std::uint64_t> added_before_;  // the first process that has it; until it has written of it
  std::size_t seen_ = 0;                               // so much of what was committed was looked at
  std::map<std::uint32_t, std::int64_t> covered_;      // [partition]: how far the pane log goes
  std::optional<std::int64_t> whole_from_ms_;          // see Expected
  bool whole_known_ = false;
  int depth_ = 0;
  Actor* acting_ = nullptr;
  std::vector<std::unique_ptr<Actor>> processes_;
  Verdicts verdicts_;
};

}  // namespace

void Counts::operator+=(const Counts& other) {
  steps += other.steps;
  processes += other.processes;
  kills += other.kills;
  failed_calls += other.failed_calls;
  takeovers += other.takeovers;
  engines_lost += other.engines_lost;
  told_to_leave += other.told_to_leave;
  bases += other.bases;
  base_parts += other.base_parts;
  jobs_changed += other.jobs_changed;
  partitions_found += other.partitions_found;
  offsets_forgotten += other.offsets_forgotten;
  pane_logs_damaged += other.pane_logs_damaged;
  damages_refused += other.damages_refused;
}

std::vector<std::pair<std::string_view, std::uint64_t>> Counts::named() const {
  return {{"steps", steps},
          {"processes", processes},
          {"kills", kills},
          {"failed_calls", failed_calls},
          {"takeovers", takeovers},
          {"engines_lost", engines_lost},
          {"told_to_leave", told_to_leave},
          {"bases", bases},
          {"base_parts", base_parts},
          {"jobs_changed", jobs_changed},
          {"partitions_found", partitions_found},
          {"offsets_forgotten", offsets_forgotten},
          {"pane_logs_damaged", pane_logs_damaged},
          {"damages_refused", damages_refused}};
}

Verdicts run_schedule(std::uint64_t seed, bool loud) {
  return World(seed, loud).run();
}

}  // namespace simulation

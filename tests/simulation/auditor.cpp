#include "simulation/auditor.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "oracle/oracle.hpp"
#include "oracle/records.hpp"

namespace simulation {
namespace {

constexpr std::size_t kSaidMax = 20;

using Wrong = std::vector<std::string>;

struct Held {
  std::string value;
  std::uint64_t revision = 0;
};

bool says(const std::string& value, const char* what) {
  return value.find(what) != std::string::npos;
}

std::int64_t number_after(const std::string& text, std::string_view name) {
  const std::size_t at = text.find(name);
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + name.size());
}

std::string word_after(const std::string& text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size();
  return text.substr(begin, text.find(' ', begin) - begin);
}

// --- Results
// ----------------------------------------------------------------------------------------------------------

// What is held in the end by the consumer's rule, and whether a revision ever fell, or a final one came twice.
std::map<std::string, Held> held_in_the_end(const Outside& outside, Wrong& wrong) {
  std::map<std::string, Held> held;
  for (const OutputRecord& r : outside.results) {
    const auto [at, fresh] = held.try_emplace(r.key, Held{r.value, r.revision});
    if (fresh) continue;
    if (r.revision < at->second.revision) wrong.push_back("a revision falls: " + at->second.value + " then " + r.value);
    if (r.revision == at->second.revision && r.value != at->second.value)
      wrong.push_back("one revision, two contents: " + at->second.value + " and " + r.value);
    if (r.revision == at->second.revision && says(r.value, "\"final\":true"))
      wrong.push_back("a final result twice: " + r.value);
    if (r.revision > at->second.revision) at->second = {r.value, r.revision};
  }
  return held;
}

void audit_results(const Outside& outside, const oracle::Oracle& oracle, const Expected& expected, Wrong& wrong) {
  std::map<std::string, Held> held = held_in_the_end(outside, wrong);
  const std::optional<std::int64_t> watermark_ms = oracle.job_watermark_ms();
  const std::vector<oracle::Result> results = oracle.results();
  std::map<std::string, std::int64_t> earliest_open_ms;  // by leaderboard: end of the earliest incomplete window
  const auto complete = [&](const oracle::Result& r) { return watermark_ms && r.window_end_ms <= *watermark_ms; };
  for (const oracle::Result& r : results) {
    if (complete(r)) continue;
    const auto [at, fresh] = earliest_open_ms.try_emplace(r.leaderboard, r.window_end_ms);
    if (!fresh) at->second = std::min(at->second, r.window_end_ms);
  }
  // Where a group was refused, no other of its window says that it is exact.
  std::set<std::tuple<std::string, std::int64_t, std::int64_t>> exact;
  if (!expected.groups_have_room) {
    for (const oracle::Result& r : results) {
      const auto found = held.find(oracle::kafka_key(r));
      if (found != held.end() && says(found->second.value, "\"exact\":true"))
        exact.insert({r.leaderboard, r.window_start_ms, r.window_end_ms});
    }
  }
  for (const oracle::Result& r : results) {
    const auto changed = expected.lives.find(r.leaderboard);
    const BoardLife life = changed == expected.lives.end() ? BoardLife{} : changed->second;
    // Nothing of it came before the leaderboard did, or before the input could be read.
    const bool whole = (!life.added || (life.exact_from_ms && r.window_start_ms >= *life.exact_from_ms)) &&
                       (!expected.whole_from_ms || r.window_start_ms >= *expected.whole_from_ms);
    const bool due = whole && !life.removed && (complete(r) || r.window_end_ms == earliest_open_ms[r.leaderboard]);
    const auto found = held.find(oracle::kafka_key(r));
    if (found == held.end()) {
      const bool refused =
          !expected.groups_have_room && !exact.contains({r.leaderboard, r.window_start_ms, r.window_end_ms});
      if (due && !refused) wrong.push_back("lost: " + oracle::result_json(r, complete(r)));
      continue;
    }
    const std::string value = found->second.value;
    held.erase(found);
    const bool is_final = says(value, "\"final\":true");
    if (is_final && !complete(r)) wrong.push_back("final too early: " + value);
    if (number_after(value, "\"events\":") > r.events)
      wrong.push_back("held " + value + ", and there are " + std::to_string(r.events) + " events");
    if (says(value, "\"exact\":false")) {
      if (expected.has_room && whole) wrong.push_back("says that it is not exact: " + value);
      continue;
    }
    if (!life.removed && (due || is_final) && value != oracle::result_json(r, complete(r)))
      wrong.push_back("held " + value + " instead of " + oracle::result_json(r, complete(r)));
  }
  for (const auto& [key, h] : held) wrong.push_back("held, and not to be: " + h.value);
}

// --- Letters and verdicts
// ---------------------------------------------------------------------------------------------

void audit_letters(const Outside& outside, const std::map<LetterOf, int>& letters, bool all_read, Wrong& wrong) {
  std::map<LetterOf, int> got;
  for (const LetterOf& letter : outside.letters) ++got[letter];
  const auto place = [](const LetterOf& letter) {
    return "partition " + std::to_string(letter.partition) + ", offset " + std::to_string(letter.offset);
  };
  for (const auto& [letter, count] : got) {
    const auto expected = letters.find(letter);
    if (expected == letters.end() || count > expected->second) wrong.push_back("a letter too many: " + place(letter));
  }
  if (!all_read) return;
  for (const auto& [letter, count] : letters) {
    if (got[letter] < count) wrong.push_back("a letter lost: " + place(letter));
  }
}

void audit_verdicts(const VerdictsSaid& said, const oracle::Counts& counts, Wrong& wrong) {
  const auto same = [&](const char* what, std::int64_t is, std::int64_t should) {
    if (is != should)
      wrong.push_back(std::string(what) + ": " + std::to_string(is) + " instead of " + std::to_string(should));
  };
  same("counted", said.counted, counts.counted);
  same("filtered", said.filtered, counts.filtered);
  same("late", said.late, counts.late);
  same("invalid", said.invalid, counts.invalid_total());
}

// --- Who commits
// ------------------------------------------------------------------------------------------------------

// One process after the other, each beginning with a claim that changes nothing else; never again one that was
// followed.
void audit_claims(const Outside& outside, std::size_t commits, Wrong& wrong) {
  std::map<std::uint32_t, std::int64_t> next;
  std::set<std::string> followed;
  std::string by;
  std::int64_t claim = 0;
  std::int64_t epoch = 0;
  for (std::size_t i = 0; i < std::min(commits, outside.history.size()); ++i) {
    const Past& past = outside.history[i];
    if (past.offsets.empty()) continue;
    const std::string& first = past.offsets.begin()->second.metadata;
    const std::int64_t claim_now = number_after(first, " claim=");
    const std::int64_t epoch_now = number_after(first, " epoch=");
    const bool claims = claim_now == claim + 1 && past.is_empty && epoch_now == epoch;
    bool moved = false;
    for (const auto& [partition, committed] : past.offsets) {
      const std::string& metadata = committed.metadata;
      if (word_after(metadata, " by=") != past.by) wrong.push_back(past.by + " commits as another: " + metadata);
      for (const char* common : {" job=", " high=", " hole=", " epoch=", " blocks=", " claim="}) {
        if (word_after(metadata, common) != word_after(first, common))
          wrong.push_back("partitions of one commit disagree: " + first + " and " + metadata);
      }
      const auto [at, fresh] = next.try_emplace(partition, committed.next);
      if (committed.next < at->second) wrong.push_back("offsets go back to " + std::to_string(committed.next));
      moved = moved || (committed.next != at->second && !fresh);
      at->second = committed.next;
    }
    if (past.by != by) {
      if (followed.contains(past.by)) wrong.push_back(past.by + " commits after another has taken over");
      if (!claims || moved) wrong.push_back(past.by + " begins without a claim: " + first);
      followed.insert(by);
    } else if (!claims && (claim_now != claim || epoch_now != epoch + 1)) {
      wrong.push_back("neither a claim nor the next epoch: " + first);
    }
    by = past.by;
    claim = claim_now;
    epoch = epoch_now;
  }
}

}  // namespace

std::vector<std::string> audit(const Outside& outside, const Expected& expected) {
  Wrong wrong;
  oracle::Oracle oracle(*expected.config);
  std::map<LetterOf, int> letters;
  for (std::uint32_t p = 0; p < outside.messages.size(); ++p) {
    for (const oracle::Message& message : outside.messages[p]) {
      for (const oracle::Record& record : oracle::split_message(message)) {
        const oracle::Judgement judgement = oracle.feed(record);
        if (judgement.verdict == oracle::Verdict::kInvalid) ++letters[{p, message.offset, false}];
        if (judgement.verdict == oracle::Verdict::kLate) ++letters[{p, message.offset, true}];
      }
    }
  }
  audit_letters(outside, letters, expected.all_read, wrong);
  audit_claims(outside, expected.commits_judged, wrong);
  if (expected.all_read) {
    oracle::Counts counts = oracle.counts();
    for (const std::size_t removed : outside.removed) counts.counted -= static_cast<std::int64_t>(removed);  // one each
    audit_verdicts(outside.verdicts, counts, wrong);
    audit_results(outside, oracle, expected, wrong);
  } else {
    held_in_the_end(outside, wrong);
  }
  if (wrong.size() > kSaidMax) wrong.resize(kSaidMax);
  return wrong;
}

}  // namespace simulation
